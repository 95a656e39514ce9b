"""Hugging Face directories: safetensors, the index of shards, config.json and its neighbours."""
import functools
import json
import os
import struct

from .case import GOLDENS, IMAGES, bad, good, logits, plain_logits, run

BASE = GOLDENS / "hf/smolvlm-tiny-bf16"
INDEX = "model.safetensors.index.json"
SHARDS = sorted(p.name for p in BASE.glob("model-*.safetensors"))
VERBS = [run("d"), ["show", "d"], ["convert", "d", "out.gguf"]]
WITH_A_PICTURE = run("d", "--image", str(IMAGES / "rgb.png"))


def with_files(changed, without=()):
    """The base's files under d/, some replaced or left out."""
    files = {f"d/{p.name}": p for p in BASE.iterdir() if p.name not in without}
    return files | {f"d/{name}": content for name, content in changed.items()}


@functools.cache
def read_json(name):
    return json.loads((BASE / name).read_text())


@functools.cache
def tensors():
    """name → (dtype, shape, bytes), from both shards."""
    out = {}
    for shard in SHARDS:
        raw = (BASE / shard).read_bytes()
        length = struct.unpack("<Q", raw[:8])[0]
        for name, entry in json.loads(raw[8 : 8 + length]).items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                out[name] = (entry["dtype"], entry["shape"],
                    raw[8 + length + begin : 8 + length + end])
    return out


def single(
    change=lambda header: None, edit=lambda entries: None, text=None, length=None, tail=b"", pad=b""
):
    """model.safetensors: `edit` changes tensors before they are laid out, `change` the header after."""
    entries, header, data = dict(tensors()), {"__metadata__": {"format": "pt"}}, []
    edit(entries)
    at = 0
    for name, (dtype, shape, raw) in entries.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + len(raw)]}
        data.append(raw)
        at += len(raw)
    change(header)
    head = (json.dumps(header).encode() if text is None else text) + pad
    return struct.pack("<Q", len(head) if length is None else length) + head + b"".join(data) + tail


def one_file(raw):
    return with_files({"model.safetensors": raw}, without=(INDEX, *SHARDS))


# ---- safetensors ----

NORM = "model.text_model.norm.weight"


def safetensors():
    cases = []

    def broken(name, raw, says=""):
        verb = VERBS[len(cases) % len(VERBS)]
        cases.append(bad("safetensors " + name, one_file(raw), verb, "d/model.safetensors", says))

    whole = single()
    for length in (0, 1, 1 << 20, 1 << 31, 1 << 32, 1 << 63, (1 << 64) - 1, (1 << 64) - 5,
        (1 << 64) - 8):
        broken(f"header of {length}", single(length=length))
    for cut in (0, 1, 7, 8, 9, 100, 5000, len(whole) // 2, len(whole) - 1):
        broken(f"cut at {cut}", whole[:cut])
    texts = {
        "no object": b"[]",
        "null": b"null",
        "no JSON": b"{hello}",
        "unclosed": b'{"a": {',
        "only spaces": b" " * 64,
        "deep": b'{"a":' * 5000,
        "a string": b'{"a": "b"}',
        "no UTF-8": b'{"\xff": {}}',
        "twice": b'{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
    }
    for name, text in texts.items():
        broken(f"header {name}", single(text=text))

    def entry(name, says="", **fields):
        def change(header):
            for key, value in fields.items():
                if value is KeyError:
                    del header[NORM][key]
                else:
                    header[NORM][key] = value

        broken(name, single(change), says)

    for dtype in ("F31", "", "f32", "BF16 ", "x" * 50_000, 16, None, []):
        entry(f"dtype {repr(dtype)[:9]}", "dtype", dtype=dtype)
    for shape in ([95], [97], [96, 2], [0], [-1], [1.5], ["96"], [1 << 63], [1 << 32, 1 << 32],
        [1 << 63, 2], [(1 << 64) - 1], [1 << 64], "96", None, {}, 96):
        entry(f"shape {shape!r}", shape=shape)
    begin, end = json.loads(whole[8 : 8 + struct.unpack("<Q", whole[:8])[0]])[NORM]["data_offsets"]
    for offsets in ([end, begin], [begin, end + 2], [begin - 2, end - 2], [begin, begin],
        [0, end - begin], [-2, end], [begin, 1 << 63], [1 << 63, (1 << 63) + 192],
        [(1 << 64) - 192, 0], [begin], [begin, end, end], [], [float(begin), float(end)], None, "0",
        [str(begin), str(end)], {}, [1 << 40, (1 << 40) + 192]):
        entry(f"offsets {offsets}", data_offsets=offsets)
    for key in ("dtype", "shape", "data_offsets"):
        entry(f"without {key}", key, **{key: KeyError})
    for name, value in (("a list", []), ("null", None), ("a number", 4)):
        broken(f"entry {name}", single(lambda header: header.update({NORM: value})))
    broken("bytes behind the last tensor", single(tail=b"hidden"), "bytes")
    broken("a hole", single(lambda header: header.pop(NORM)), "hole")
    broken("metadata of numbers", single(lambda header: header.update({"__metadata__": {"a": 1}})),
        "__metadata__")
    broken("metadata a list", single(lambda header: header.update({"__metadata__": []})),
        "__metadata__")
    for dtype, size in (("I64", 8), ("F64", 8), ("I8", 1), ("F8_E4M3", 1)):

        def retyped(entries):
            entries[NORM] = (dtype, [96], b"\0" * 96 * size)

        broken(f"a weight of {dtype}", single(edit=retyped), "supported")
    return cases


def missing_and_misshapen():
    cases = []
    for name in tensors():
        if ".layers." in name and ".layers.1." not in name:
            continue
        verb = VERBS[len(cases) % len(VERBS)]
        if name != "lm_head.weight":
            cases.append(
                bad(f"directory without {name}", one_file(single(edit=lambda e: e.pop(name))), verb,
                    "d")
            )

        def half(entries):
            dtype, shape, raw = entries[name]
            entries[name] = (dtype, [shape[0] // 2, *shape[1:]], raw[: len(raw) // 2])

        cases.append(
            bad(f"directory: {name} of half its rows", one_file(single(edit=half)), verb, "d"))
    return cases


def index():
    base = read_json(INDEX)
    cases = []

    def broken(name, value, names=INDEX, files=None):
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        cases.append(
            bad("index " + name, with_files({INDEX: raw} | (files or {})), run("d"), names))

    for target in ("../m.safetensors", "/etc/passwd", "", ".", "..", "a/b.safetensors", "..\\m",
        "d/../../x", SHARDS[0] + "\0", "./" + SHARDS[0], 7, None, [SHARDS[0]]):
        broken(f"shard {target!r}", base | {"weight_map": base["weight_map"] | {NORM: target}})
    outside = with_files(
        {
            INDEX: json.dumps(
                base | {"weight_map": base["weight_map"] | {NORM: "../x.safetensors"}}).encode()
        }
    )
    cases.append(
        bad("index: a valid file outside", outside | {"x.safetensors": BASE / SHARDS[1]}, run("d"),
            INDEX)
    )
    broken("missing shard",
        base | {"weight_map": base["weight_map"] | {NORM: "model-00003.safetensors"}},
        "model-00003.safetensors")
    broken(
        "wrong shard", base | {"weight_map": {n: SHARDS[0] for n in base["weight_map"]}}, SHARDS[0])
    broken("tensor in no shard",
        base | {"weight_map": base["weight_map"] | {"ghost.weight": SHARDS[0]}}, SHARDS[0])
    broken("shard that is the index", base | {"weight_map": base["weight_map"] | {NORM: INDEX}})
    for name, raw in (("empty", b""), ("a list", b"[]"), ("null", b"null"), ("no map", b"{}"),
        ("map a list", b'{"weight_map":[]}'), ("map null", b'{"weight_map":null}'),
        ("deep", b'{"weight_map":' * 2000), ("cut", (BASE / INDEX).read_bytes()[:500])):
        broken(name, raw)
    broken("map empty", b'{"weight_map":{}}', "d")
    for shard in SHARDS:
        cases.append(bad(f"without {shard}", with_files({}, without=(shard,)), run("d"), shard))
        cases.append(bad(f"{shard} empty", with_files({shard: b""}), run("d"), shard))
    return cases


# ---- JSON beside the weights ----

TEXT_INTEGERS = ["head_dim", "hidden_size", "intermediate_size", "max_position_embeddings",
    "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "vocab_size"]
TEXT_NUMBERS = ["rms_norm_eps", "rope_theta"]
VISION_INTEGERS = ["hidden_size", "image_size", "intermediate_size", "num_attention_heads",
    "num_hidden_layers", "patch_size"]


def config_case(section, key, value):
    config = json.loads(json.dumps(read_json("config.json")))
    (config[section] if section else config)[key] = value
    return bad(f"config {section}.{key} = {repr(value)[:90]}",
        with_files({"config.json": json.dumps(config).encode()}), run("d"), "d")


def config():
    cases = []
    for key in TEXT_INTEGERS:
        for value in ("8", [8], {"a": 8}, True, 1.5, -1, 0, 1 << 31, 1 << 63, (1 << 64) - 1):
            cases.append(config_case("text_config", key, value))
    for key in TEXT_NUMBERS:
        for value in ("1e-5", [1e-5], {}, False, -1, 0):
            cases.append(config_case("text_config", key, value))
    for key in VISION_INTEGERS:
        for value in ("8", [8], 1.5, -1, 0, 5, 1 << 63):
            cases.append(config_case("vision_config", key, value))
    for value in ("1e-5", [], -1, 0):
        cases.append(config_case("vision_config", "layer_norm_eps", value))
    for value in ("4", [], 1.5, -1, 0, 3, 1 << 40, 1 << 63):
        cases.append(config_case("", "scale_factor", value))
    for value in ("mamba", 7, [], "", "smolvlm\n", "m" * 50_000):
        cases.append(config_case("", "model_type", value))
    for section in ("text_config", "vision_config"):
        for value in ([], "llama", 3, True):
            cases.append(config_case("", section, value))
    for value in ("yes", 1, []):
        cases.append(config_case("", "tie_word_embeddings", value))
    for value in (
        "llama3",
        [],
        {"rope_type": "yarn"},
        {"rope_type": 3},
        {"rope_type": "llama3"},
        {"type": "linear", "factor": "2"},
        {"type": "linear", "factor": 0},
        {"type": "linear", "factor": -1},
        {"rope_type": "llama3", "factor": 0, "low_freq_factor": 1, "high_freq_factor": 4,
            "original_max_position_embeddings": 8192},
        {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 1,
            "original_max_position_embeddings": 8192},
        {"rope_type": "llama3", "factor": 8, "low_freq_factor": -1, "high_freq_factor": 4,
            "original_max_position_embeddings": -8},
    ):
        cases.append(config_case("text_config", "rope_scaling", value))
    return cases


def other_files():
    cases = []
    texts = {"empty": b"", "a list": b"[]", "null": b"null", "no JSON": b"hello",
        "cut": b'{"model_type": "smol', "deep": b'{"a":' * 50_000,
        "deep lists": b'{"a":' + b"[" * 50_000, "NaN": b'{"a": NaN}',
        "a huge number": b'{"a": 1e999}', "no UTF-8": b'{"a": "\xff"}', "binary": bytes(range(256))}
    for file in ("config.json", "preprocessor_config.json", "tokenizer_config.json",
        "tokenizer.json"):
        for name, text in texts.items():
            cases.append(bad(f"directory, {file} {name}", with_files({file: text}), run("d"), file))
    preprocessor = read_json("preprocessor_config.json")

    def prepared(name, **fields):
        raw = json.dumps(preprocessor | fields).encode()
        cases.append(
            bad("preprocessor " + name, with_files({"preprocessor_config.json": raw}),
                WITH_A_PICTURE, "d")
        )

    for key in ("image_mean", "image_std"):
        for value in ([], [0.5], [0.5] * 4, ["0.5"] * 3, [None] * 3, [1e300] * 3, "0.5", 0.5, {}):
            prepared(f"{key} {value!r}", **{key: value})
    prepared("image_std 0", image_std=[0.5, 0, 0.5])
    for value in ({"longest_edge": 0}, {"longest_edge": -1}, {"longest_edge": "256"},
        {"longest_edge": 1 << 40}, {"longest_edge": 2.5}, {"longest_edge": 1 << 63}, [], "256",
        256):
        prepared(f"size {value!r}", size=value)
    prepared("split a string", do_image_splitting="yes")
    for gone in ("config.json", "tokenizer.json", "model.safetensors.index.json"):
        cases.append(
            bad(f"directory without {gone}", with_files({}, without=(gone,)), run("d"),
                gone if gone != INDEX else "d")
        )
    cases += [
        bad("an empty directory", {"d": os.mkdir}, run("d"), "d"),
        bad("config.json a directory", with_files({"config.json/x": b""}, without=("config.json",)),
            run("d"), "config.json"),
        bad("config.json a pipe", with_files({"config.json": os.mkfifo}), run("d"), "config.json"),
        bad("config.json of 2 GB", with_files({"config.json": huge}), run("d"), "config.json"),
        bad("a template that is broken", with_files({"chat_template.jinja": b"{% for %}"}),
            run("d"), "d"),
        bad("a template in no UTF-8", with_files({"chat_template.jinja": b"\xff\xfe"}), run("d"),
            "d"),
    ]
    return cases


def huge(path):
    with open(path, "wb") as out:
        out.truncate(2 << 30)


# ---- odd but legal ----


def legal(hearth):
    cases = []
    same = lambda: plain_logits(hearth, str(BASE))

    def fine(name, files, command=None):
        cases.append(
            good("directory legal " + name, files, command or logits("d"),
                same=None if command else same, plain=not command)
        )

    fine("as it is", with_files({}))
    fine("by its full path", with_files({}), run("./d/../d/"))
    fine("one file", one_file(single()))
    fine("header with spaces behind", one_file(single(pad=b" " * 77)))
    fine("no metadata", one_file(single(lambda header: header.pop("__metadata__"))))
    fine(
        "tensors backwards",
        one_file(
            single(edit=lambda e: [e.__setitem__(n, e.pop(n)) for n in sorted(e, reverse=True)])),
    )
    fine("a tensor of a type that nobody reads",
        one_file(single(edit=lambda e: e.update({"ids": ("I64", [3], b"\0" * 24)}))))
    fine("an empty tensor",
        one_file(single(edit=lambda e: e.update({"nothing": ("F32", [0, 7], b"")}))))
    fine("a scalar",
        one_file(single(edit=lambda e: e.update({"temperature": ("F32", [], b"\0" * 4)}))))
    fine("both one file and shards", with_files({"model.safetensors": single()}))
    fine(
        "text and vision untied from their prefix",
        one_file(
            single(
                edit=lambda e: [
                    e.__setitem__(n.replace("model.text_model", "model.language_model"), e.pop(n))
                    for n in list(e)
                ]
            )
        ),
    )
    for gone in ("chat_template.jinja", "preprocessor_config.json", "processor_config.json",
        "generation_config.json", "special_tokens_map.json", "tokenizer_config.json"):
        fine(f"without {gone}", with_files({}, without=(gone,)))
        fine(f"without {gone}, run", with_files({}, without=(gone,)), run("d"))
    config = read_json("config.json")

    def configured(name, section, **fields):
        changed = json.loads(json.dumps(config))
        (changed[section] if section else changed).update(fields)
        fine(name, with_files({"config.json": json.dumps(changed).encode()}))

    configured("unknown members", "", someone={"else": [1, None, "x" * 9999]})
    configured("rope_scaling null", "text_config", rope_scaling=None)
    configured("rope_theta an integer", "text_config", rope_theta=100000)
    configured("vision sizes null", "vision_config", hidden_size=None, intermediate_size=None,
        num_hidden_layers=None)
    configured("head_dim null", "text_config", head_dim=None)
    configured("rope_parameters", "text_config",
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0})
    fine("config with a byte order mark",
        with_files({"config.json": b"\xef\xbb\xbf" + json.dumps(config).encode()}))
    cases.append(
        good("directory named with space",
            {k.replace("d/", "my model/", 1): v for k, v in with_files({}).items()},
            logits("my model"), same=same)
    )
    cases.append(
        good("directory named d.gguf",
            {k.replace("d/", "d.gguf/", 1): v for k, v in with_files({}).items()}, logits("d.gguf"),
            same=same)
    )
    return cases


def cases(hearth):
    return (
        safetensors() + missing_and_misshapen() + index() + config() + other_files() + legal(hearth)
    )
