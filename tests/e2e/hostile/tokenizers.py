"""Vocabularies in GGUF and tokenizer.json: ids, types, merges, byte tokens, long runs of text."""
import json
import math

from .case import GOLDENS, bad, good, run
from .gguf import ARRAY, BOOL, F32, F64, I32, I64, STRING, U32, U64, Gguf, array
from . import models

TOKENIZER = GOLDENS / "hf/smolvlm-tiny-bf16/tokenizer.json"
N = 496  # tokens of the base


def in_gguf(change, name, says="", verb=None):
    raw = models.changed(change)
    return bad(
        "vocabulary " + name, {"m.gguf": raw}, verb or ["tokenize", "m.gguf", "Hi"], "m.gguf", says)


def gguf_vocabularies():
    key = "tokenizer.ggml."
    cases = []

    def broken(name, full, kind, value, says=""):
        for verb in (["tokenize", "m.gguf", "Hi"], run("m.gguf")):
            cases.append(
                in_gguf(lambda m: m.set(key + full, kind, value), f"{name}, {verb[0]}", says, verb))

    def without(full):
        cases.append(in_gguf(lambda m: m.drop(key + full), f"without {full}", full, run("m.gguf")))

    for full in ("model", "tokens", "merges"):
        without(full)
    for full in ("model", "pre", "tokens", "merges", "token_type"):
        broken(f"{full} a number", full, U32, 7, full)
        broken(f"{full} an array of arrays", full, ARRAY, array(ARRAY, [array(U32, [1])]), full)
    for name in ("", "bert", "t5", "rwkv", "no_vocab", "none", "x" * 50_000):
        broken(f"model {name[:9]!r}", "model", STRING, name, "model")
        broken(f"pre-tokenizer {name[:9]!r}", "pre", STRING, name, "pre")
    for kind, values in ((U32, [1] * N), (F32, [1.0] * N), (U32, []), (STRING, [])):
        broken(
            f"tokens of type {kind}, {len(values)}", "tokens", ARRAY, array(kind, values), "tokens")
    for values in ([], [1] * (N - 1), [1] * (N + 1), [7] * N, [-1] * N, [1 << 30] * N):
        if values:
            broken(f"types {values[:1]} × {len(values)}", "token_type", ARRAY, array(I32, values),
                "token_type")
    broken("types of floats", "token_type", ARRAY, array(F32, [1.0] * N), "token_type")
    broken("types of strings", "token_type", ARRAY, array(STRING, ["1"] * N), "token_type")
    for line in ("", " ", "ab", " b", "\xff"):
        broken(f"merge {line!r}", "merges", ARRAY, array(STRING, [line]), "merge")
    broken("merges of numbers", "merges", ARRAY, array(U32, [1, 2]), "merges")
    for full in ("bos_token_id", "eos_token_id", "unknown_token_id", "eot_token_id"):
        for kind, value in ((I32, -1), (U32, N), (U32, (1 << 32) - 1), (U64, 1 << 63),
            (STRING, "1"), (F32, 1.0)):
            broken(f"{full} = {value} of type {kind}", full, kind, value, full)
    broken("add_bos_token a string", "add_bos_token", STRING, "yes", "add_bos_token")
    cases.append(
        in_gguf(lambda m: m.drop(key + "bos_token_id").set(key + "add_bos_token", BOOL, 1),
            "bos wanted but not given", "bos")
    )
    for more in (1, 5000):

        def longer(m):
            words = [f"w{i}" for i in range(N + more)]
            m.set(key + "tokens", ARRAY, array(STRING, words)).set(
                key + "token_type", ARRAY, array(I32, [1] * (N + more)))

        cases.append(in_gguf(longer, f"{more} tokens more than rows", "rows", run("m.gguf")))
    return cases


def sentencepiece(change=lambda words, types, scores: None, scores_kind=F32):
    """A GGUF with a score vocabulary: unknown, bos, eos, 256 bytes, letters."""
    words = (
        ["<unk>", "<s>", "</s>"]
        + [f"<0x{b:02X}>" for b in range(256)]
        + ["▁"]
        + [chr(c) for c in range(33, 127)]
    )
    words += [f"w{i}" for i in range(N - len(words))]
    types = [2, 3, 3] + [6] * 256 + [1] * (N - 259)
    scores = [-float(i) for i in range(N)]
    change(words, types, scores)

    def into(m):
        m.drop("tokenizer.ggml.merges").drop("tokenizer.ggml.pre").set(
            "tokenizer.ggml.model", STRING, "llama")
        m.set("tokenizer.ggml.tokens", ARRAY, array(STRING, words)).set(
            "tokenizer.ggml.token_type", ARRAY, array(I32, types))
        m.set("tokenizer.ggml.scores", ARRAY, array(scores_kind, scores))

    return models.changed(into)


def byte_tokens():
    cases = []

    def case(name, says="", **options):
        def add(change):
            cases.append(
                bad("spm " + name, {"m.gguf": sentencepiece(change, **options)},
                    ["tokenize", "m.gguf", "Hi"], "m.gguf", says)
            )

        return add

    for text in ("<0x-1>", "<0x100>", "<0xGG>", "<0x>", "<0x0>", "", "a", "<0x+1>", "<0x 1>",
        "0x41", "<0x4141414141>", "<0x41"):

        def put(words, types, scores, text=text):
            words[70] = text

        case(f"byte token {text!r}", "byte")(put)
    for value in (math.nan, math.inf, -math.inf):

        def put(words, types, scores, value=value):
            scores[300] = value

        case(f"score {value}", "score")(put)
    case("scores too few", "scores")(lambda words, types, scores: scores.pop())
    case("scores too many", "scores")(lambda words, types, scores: scores.append(0.0))

    def whole(words, types, scores):
        scores[:] = [1] * N

    case("scores of integers", "scores", scores_kind=I32)(whole)
    cases.append(good("spm legal", {"m.gguf": sentencepiece()}, ["tokenize", "m.gguf", "Hi Ünï"]))

    def lower(words, types, scores):
        words[3:259] = [f"<0x{b:02x}>" for b in range(256)]

    cases.append(
        good("spm lower-case bytes", {"m.gguf": sentencepiece(lower)}, ["tokenize", "m.gguf", "Ü"]))

    def equal(words, types, scores):
        scores[:] = [0.0] * N

    cases.append(
        good("spm equal scores", {"m.gguf": sentencepiece(equal)}, ["tokenize", "m.gguf", "Hi"]))

    def no_bytes(words, types, scores):
        types[3:259] = [1] * 256

    cases.append(
        good("spm without bytes", {"m.gguf": sentencepiece(no_bytes)}, ["tokenize", "m.gguf", "Ü"]))
    return cases


LONG = {"equal letters": "a" * 60_000, "spaces": " " * 60_000, "line ends": "\n" * 60_000,
    "digits": "7" * 60_000, "punctuation": "!" * 60_000, "apostrophes": "'" * 60_000,
    "emoji": "👩‍👩‍👧" * 6_000, "accents": "e" + "\u0301" * 30_000,
    "control tokens": "<|im_start|>" * 5_000, "almost control tokens": "<|im_start" * 6_000,
    "less-than": "<" * 60_000, "one of each": "".join(map(chr, range(1, 0x9000))),
    "Chinese": "漢" * 30_000, "mixed case": "aA" * 30_000}


def long_texts():
    cases = []
    for name, text in LONG.items():
        cases.append(good(f"long text, {name}, nano", {}, ["tokenize", "nano", text]))
        cases.append(
            good(f"long text, {name}, tokenizer.json", {"tokenizer.json": TOKENIZER},
                ["tokenize", "tokenizer.json", text])
        )
        cases.append(
            good(
                f"long text, {name}, spm", {"m.gguf": sentencepiece()}, ["tokenize", "m.gguf", text]
            )
        )
        if not name.startswith("control"):
            cases.append(
                bad(f"too long a prompt, {name}", {"m.gguf": models.BASES["qwen2"]},
                    ["run", "m.gguf", text, "--ctx", "64"], "64", r"\d+ .*64|64.* \d+")
            )
    for name, text in (("no text", ""), ("invalid UTF-8", b"\xff\xfe\x80\xc0\xaf\xed\xa0\x80"),
        ("half a character", b"a\xf0\x9f"), ("a control character", "\x01\x02\x1b")):
        cases.append(good(f"odd text, {name}", {}, ["tokenize", "nano", text], plain=False))
        cases.append(good(f"odd text, {name}, json", {}, ["tokenize", "nano", text, "--json"]))
    return cases


def legal_gguf():
    cases = []

    def legal(name, change, verb=None):
        cases.append(
            good("vocabulary legal " + name, {"m.gguf": models.changed(change)},
                verb or run("m.gguf"), plain=False)
        )

    def duplicates(m):
        words = [f"w{i}" for i in range(N)]
        words[7] = words[8] = words[9] = "Ġsame"
        m.set("tokenizer.ggml.tokens", ARRAY, array(STRING, words))

    legal("duplicate texts", duplicates, ["tokenize", "m.gguf", "Hi"])
    legal("all texts equal",
        lambda m: m.set("tokenizer.ggml.tokens", ARRAY, array(STRING, ["x"] * N)),
        ["tokenize", "m.gguf", "Hi"])
    legal("empty texts", lambda m: m.set("tokenizer.ggml.tokens", ARRAY, array(STRING, [""] * N)),
        ["tokenize", "m.gguf", "Hi"])
    legal(
        "empty control tokens",
        lambda m: m.set("tokenizer.ggml.tokens", ARRAY, array(STRING, [""] * N)).set(
            "tokenizer.ggml.token_type", ARRAY, array(I32, [3] * N)),
        ["tokenize", "m.gguf", "Hi"],
    )
    legal(
        "no UTF-8",
        lambda m: m.set(
            "tokenizer.ggml.tokens", ARRAY, array(STRING, [b"\xff%d" % i for i in range(N)])),
        ["tokenize", "m.gguf", "Hi"],
    )
    legal(
        "a token of a megabyte",
        lambda m: m.set(
            "tokenizer.ggml.tokens", ARRAY, array(STRING, ["a" * (1 << 20)] * 2 + ["x"] * (N - 2))),
        ["tokenize", "m.gguf", "a" * 1000],
    )
    legal(
        "fewer tokens than rows",
        lambda m: [
            m.set("tokenizer.ggml.tokens", ARRAY,
                array(STRING, [chr(33 + i % 94) for i in range(300)])),
            m.set("tokenizer.ggml.token_type", ARRAY, array(I32, [1] * 300)),
            m.set("tokenizer.ggml.eos_token_id", U32, 2),
            m.drop("tokenizer.ggml.padding_token_id"),
        ],
        run("m.gguf"),
    )
    legal("without types", lambda m: m.drop("tokenizer.ggml.token_type"))
    legal("padding id of another model",
        lambda m: m.set("tokenizer.ggml.padding_token_id", U32, 1 << 20))
    legal("padding id −1", lambda m: m.set("tokenizer.ggml.padding_token_id", I32, -1))
    legal(
        "without ids",
        lambda m: [
            m.drop(f"tokenizer.ggml.{k}_token_id") for k in ("bos", "eos", "unknown", "padding")]
        and m.set("tokenizer.ggml.add_bos_token", BOOL, 0),
    )
    legal("merges that name nothing",
        lambda m: m.set("tokenizer.ggml.merges", ARRAY, array(STRING, ["q q", "z z"])))
    legal("no merges at all", lambda m: m.set("tokenizer.ggml.merges", ARRAY, array(STRING, [])))
    legal("merges twice",
        lambda m: m.set("tokenizer.ggml.merges", ARRAY, array(STRING, ["a b"] * 1000)))
    return cases


# ---- tokenizer.json ----


def json_case(name, change, says="", expect=bad):
    tokenizer = json.loads(TOKENIZER.read_text())
    change(tokenizer)
    files = {"tokenizer.json": json.dumps(tokenizer).encode()}
    command = ["tokenize", "tokenizer.json", "Hi <image> there"]
    if expect is good:
        return good("tokenizer.json legal " + name, files, command)
    return bad("tokenizer.json " + name, files, command, "tokenizer.json", says)


def texts():
    raw = TOKENIZER.read_bytes()
    broken = {"empty": b"", "a list": b"[]", "null": b"null", "a number": b"1e999",
        "a word": b"tokenizer", "binary": bytes(range(256)), "no members": b"{}",
        "a half surrogate": b'{"model": "\\ud800"}', "no UTF-8": b'{"a": "\xff"}',
        "nested lists": b"[" * 100_000, "nested objects": b'{"a":' * 100_000,
        "nested and closed": b"[" * 5000 + b"]" * 5000, "two values": raw + b"{}",
        "a trailing comma": b'{"model": {},}', "UTF-16": raw[:2000].decode().encode("utf-16")}
    broken |= {f"cut at {cut}": raw[:cut] for cut in (1, 10, 100, 1000, 10_000, len(raw) - 2)}
    return [
        bad("tokenizer.json " + name, {"tokenizer.json": text},
            ["tokenize", "tokenizer.json", "Hi"], "tokenizer.json")
        for name, text in broken.items()
    ]


def json_parts():
    def put(*path):
        *parents, last = path[:-1]

        def change(t):
            for step in parents:
                t = t[step]
            t[last] = path[-1]

        return change

    wrong = [
        ("model a list", put("model", [])),
        ("model null", put("model", None)),
        ("model of a new type", put("model", "type", "Quantum")),
        ("Unigram", put("model", "type", "Unigram")),
        ("WordPiece", put("model", "type", "WordPiece")),
        ("vocab a list", put("model", "vocab", [])),
        ("vocab empty", put("model", "vocab", {})),
        ("vocab null", put("model", "vocab", None)),
        ("merges null", put("model", "merges", None)),
        ("merges an object", put("model", "merges", {})),
        ("merges a number", put("model", "merges", 1)),
        ("merge of one", put("model", "merges", ["ab"])),
        ("merge of numbers", put("model", "merges", [[1, 2]])),
        ("merge of three", put("model", "merges", [["a", "b", "c"]])),
        ("merge empty", put("model", "merges", [""])),
        ("merge null", put("model", "merges", [None])),
        ("added tokens an object", put("added_tokens", {})),
        ("added tokens of numbers", put("added_tokens", [1])),
        ("pre-tokenizer a list", put("pre_tokenizer", [])),
        ("pre-tokenizer of a new type", put("pre_tokenizer", {"type": "Quantum"})),
        ("pre-tokenizer without type", put("pre_tokenizer", {})),
        (
            "pre-tokenizer with an unknown pattern",
            put(
                "pre_tokenizer",
                {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated",
                    "invert": False},
            ),
        ),
        (
            "pre-tokenizer with a broken pattern",
            put(
                "pre_tokenizer",
                {"type": "Split", "pattern": {"Regex": "((((("}, "behavior": "Isolated",
                    "invert": False},
            ),
        ),
        (
            "pre-tokenizers nested",
            put(
                "pre_tokenizer",
                {
                    "type": "Sequence",
                    "pretokenizers": [{"type": "Sequence", "pretokenizers": [{"type": "Quantum"}]}],
                },
            ),
        ),
        ("normalizer of a new type", put("normalizer", {"type": "Quantum"})),
        ("normalizer a number", put("normalizer", 3)),
        ("decoder of a new type", put("decoder", {"type": "Quantum"})),
    ]
    cases = [json_case(name, change) for name, change in wrong]
    for value in (-1, 1.5, "1", None, [], True, 1 << 31, 1 << 63, (1 << 64) - 1, 1e300):

        def id_of_first(t):
            t["model"]["vocab"][next(iter(t["model"]["vocab"]))] = value

        cases.append(json_case(f"id {value!r}", id_of_first))

        def id_of_added(t):
            t["added_tokens"][0]["id"] = value

        cases.append(json_case(f"added id {value!r}", id_of_added))
    for value in (None, 1, [], {}):

        def content(t):
            t["added_tokens"][0]["content"] = value

        cases.append(json_case(f"added content {value!r}", content))
    return cases


def json_legal():
    def drop(key):
        return lambda t: t.pop(key, None)

    def empty_content(t):
        t["added_tokens"].append({"id": 495, "content": "", "special": True})

    def same_twice(t):
        t["added_tokens"].append(dict(t["added_tokens"][0]))

    def pairs(t):
        t["model"]["merges"] = [
            m.split(" ") if isinstance(m, str) else m for m in t["model"]["merges"]]

    def strange(t):
        t["someone"] = {"else": [None] * 1000}

    def many(t):
        t["added_tokens"] += [
            {"id": 1000 + i, "content": f"<extra{i}>", "special": i % 2 == 0} for i in range(6000)]

    def prefixes(t):
        t["added_tokens"] += [{"id": 1000 + i, "content": "a" * (i + 1)} for i in range(300)]

    return [
        json_case(name, change, expect=good)
        for name, change in (("without version", drop("version")),
            ("without truncation", drop("truncation")),
            ("without post-processor", drop("post_processor")),
            ("without decoder", drop("decoder")), ("without added tokens", drop("added_tokens")),
            ("empty added token", empty_content), ("added token twice", same_twice),
            ("merges as pairs", pairs), ("unknown member", strange), ("6000 added tokens", many),
            ("nested added tokens", prefixes))
    ]


def cases(hearth):
    return (
        gguf_vocabularies()
        + byte_tokens()
        + long_texts()
        + legal_gguf()
        + texts()
        + json_parts()
        + json_legal()
    )
