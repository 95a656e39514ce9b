"""Language models in GGUF: the container byte by byte, hyper-parameters, tensors; and odd legal ones."""
import functools
import math
import os
import struct

from .case import Case, GOLDENS, bad, good, logits, plain_logits, run
from .gguf import (ARRAY, BOOL, F32, F64, I32, I64, I8, STRING, U16, U32, U64, U8, Gguf, Key,
    Tensor, array, scalar, string)

BASES = {
    arch: GOLDENS / f"text/{name}-f16.gguf"
    for arch, name in [("llama", "a"), ("qwen2", "d-qwen2"), ("qwen3", "e-qwen3"),
        ("gemma3", "f-gemma3")]
}
SMALL = "qwen2"  # the base wherever the family does not matter
VERBS = [["show", "m.gguf"], run("m.gguf"), logits("m.gguf"), ["tokenize", "m.gguf", "Hi"]]
HUGE = [1 << 31, (1 << 32) - 1, 1 << 32, 1 << 61, 1 << 63, (1 << 64) - 1]


@functools.cache
def opened(path):
    return Gguf(path)


def base(arch=SMALL):
    return opened(BASES[arch]).copy()


def changed(change, arch=SMALL, **packing):
    model = base(arch)
    change(model)
    return model.pack(**packing)


class Collector:
    """Cases of one file m.gguf; container errors take the verbs in turn."""

    def __init__(self):
        self.cases = []

    def container(self, name, raw, says=""):
        verb = VERBS[len(self.cases) % len(VERBS)]
        self.cases.append(bad("gguf " + name, {"m.gguf": raw}, verb, "m.gguf", says))

    def model(self, name, raw, says=""):
        verb = VERBS[len(self.cases) % 3]
        self.cases.append(bad("model " + name, {"m.gguf": raw}, verb, "m.gguf", says))

    def legal(self, name, raw, arch=SMALL, hearth=None):
        same = hearth and (lambda: plain_logits(hearth, str(BASES[arch])))
        self.cases.append(good("legal " + name, {"m.gguf": raw}, logits("m.gguf"), same=same))
        self.cases.append(good("legal, run " + name, {"m.gguf": raw}, run("m.gguf"), plain=False))


def truncations(c):
    raw = BASES[SMALL].read_bytes()
    marks = base().marks
    few = marks[:24] + marks[24:-120:131] + marks[-64:]  # header and keys, vocabulary, tensors
    for cut in sorted({0, 1, 3, *few, *(m + 3 for m in few[::4])}):
        c.container(f"cut at {cut}", raw[:cut])
    start = base().data_start
    for cut in (start - 1, start, start + 1, start + 32, (start + len(raw)) // 2, len(raw) - 1):
        c.container(f"cut at {cut} in the data", raw[:cut], "m.gguf")


def header(c):
    model = base()
    for magic in (b"GGML", b"ggjt", b"FUGG", b"\0\0\0\0", b"PK\3\4", b"\x7fELF", b"gguf"):
        c.container(f"magic {magic}", model.pack(magic=magic), "expected the magic")
    for version in (0, 1, 4, 99, 1 << 31, 3 << 24, 2 << 24):
        c.container(f"version {version:#x}", model.pack(version=version))
    for n in (*HUGE, 26 + 1, 1 << 20):
        c.container(f"{n} tensors", model.pack(n_tensors=n))
        c.container(f"{n + 2} keys", model.pack(n_keys=(n + 2) % (1 << 64)))
    c.model("one tensor fewer", model.pack(n_tensors=len(model.tensors) - 1))
    c.container("one key fewer", model.pack(n_keys=len(model.keys) - 1))
    c.container("no keys at all", b"GGUF" + struct.pack("<IQQ", 3, 0, 0), "architecture")
    c.container(
        "43 bytes, array of 2^63",
        b"GGUF"
        + struct.pack("<IQQ", 3, 0, 1)
        + string("a")
        + struct.pack("<IIQ", ARRAY, U8, 1 << 63),
    )


def strings(c):
    for length in (*HUGE, 1 << 20, 300_000):

        def long_key(m):
            m.keys[2].name_length = length

        def long_value(m):
            m.keys[0].raw = string("llama", length)

        def long_tensor(m):
            m.tensors[1].name_length = length

        def long_element(m):
            m.key("tokenizer.ggml.tokens").raw = array(STRING, ["a"] * 3, 496) + struct.pack(
                "<Q", length)

        for change in (long_key, long_value, long_tensor, long_element):
            c.container(f"{change.__name__} {length}", changed(change))
    c.container("empty key", changed(lambda m: m.set("", U32, 1)))
    c.container("empty tensor name", changed(lambda m: setattr(m.tensors[3], "name", "")))
    c.container("key twice",
        changed(lambda m: m.keys.append(Key("general.name", U32, scalar(U32, 1)))), "twice")
    c.container(
        "alignment twice",
        changed(
            lambda m: m.keys.extend(Key("general.alignment", U32, scalar(U32, n)) for n in (32, 64))
        ),
        "twice",
    )
    c.container("tensor twice", changed(lambda m: m.tensors.append(m.tensors[2])), "twice")


def values(c):
    for kind in (13, 14, 255, 1 << 16, 1 << 31, (1 << 32) - 1):
        c.container(
            f"value type {kind}", changed(lambda m: m.keys.append(Key("x", kind, b"\0" * 8))))
        c.container(
            f"element type {kind}",
            changed(
                lambda m: m.keys.append(Key("x", ARRAY, struct.pack("<IQ", kind, 1) + b"\0" * 8))),
        )
    for kind in (U8, U16, U32, F32, BOOL, STRING, U64, ARRAY):
        for n in (*HUGE, 1 << 20):
            c.container(f"array of {n}, type {kind}",
                changed(lambda m: m.keys.append(Key("x", ARRAY, struct.pack("<IQ", kind, n)))))
    for depth in (5, 100, 10_000):
        nested = array(U8, [1])
        for _ in range(depth):
            nested = array(ARRAY, [nested])
        c.container(
            f"arrays {depth} deep", changed(lambda m: m.keys.append(Key("x", ARRAY, nested))))
    c.container("bool of 2", changed(lambda m: m.keys.append(Key("x", BOOL, b"\2"))), "bool")
    c.container("array with a bool of 255",
        changed(lambda m: m.keys.append(Key("x", ARRAY, struct.pack("<IQ", BOOL, 2) + b"\1\xff"))),
        "bool")


def alignments(c):
    for n in (0, 3, 7, 24, 33, 1 << 17, 1 << 31, (1 << 32) - 1):
        c.container(
            f"alignment {n}", changed(lambda m: m.set("general.alignment", U32, n)), "alignment")
    for kind, value in ((I32, 32), (U64, 32), (U8, 32), (F32, 32.0), (STRING, "32"), (BOOL, 1)):
        c.container(
            f"alignment of type {kind}", changed(lambda m: m.set("general.alignment", kind, value)))
    c.container(
        "alignment an array", changed(lambda m: m.set("general.alignment", ARRAY, array(U32, [32])))
    )
    c.container(
        "alignment 64 where tensors lie at 32",
        changed(
            lambda m: [m.set("general.alignment", U32, 64), setattr(m.tensors[4], "offset", 32)]),
        "multiple",
    )


def entries(c):
    size = len(BASES[SMALL].read_bytes())
    for at in (0, 9, -1):

        def entry(what, says="", **fields):
            def change(m):
                for field, value in fields.items():
                    setattr(m.tensors[at], field, value)

            c.container(f"tensor {at}: {what}", changed(change), says)

        for n in (0, 5, 255, 1 << 31, (1 << 32) - 1):
            entry(f"{n} dimensions", n_dims=n)
        for dims in ([0], [64, 0], [0, 0, 0, 0], [1 << 63], [64, 1 << 63], [1 << 32, 1 << 32],
            [1 << 31, 1 << 31, 4], [(1 << 64) - 1], [1 << 62, 2], [1 << 62, 1, 1, 1], [1 << 16] * 4,
            [64, (1 << 58) + 1]):
            entry(f"dims {dims}", dims=dims)
        for kind in (4, 5, 9, 15, 31, 32, 36, 99, 1 << 31, (1 << 32) - 1):
            entry(f"type {kind}", "type", kind=kind)
        entry("rows that fill no block", dims=[33, 2], kind=8)
        entry("rows that fill no super-block", dims=[64, 2], kind=12)
        for offset in (1, 31, size, size - 32, 1 << 40, 1 << 63, (1 << 64) - 32, (1 << 64) - 1):
            entry(f"offset {offset}", offset=offset)
    c.container("overlap", changed(lambda m: setattr(m.tensors[3], "offset", 0)), "overlap")


# ---- models ----

OPTIONAL = {"context_length", "rope.freq_base", "rope.dimension_count", "vocab_size",
    "attention.head_count_kv", "attention.key_length", "attention.value_length"}
FLOATS = ("attention.layer_norm_rms_epsilon", "rope.freq_base")


def hyper_parameters(c):
    for arch in BASES:
        model = base(arch)
        keys = [k.name for k in model.keys if k.name.startswith(arch + ".")]
        for key in keys:
            short = key.removeprefix(arch + ".")
            wrong = [(STRING, "8"), (BOOL, 1), (ARRAY, array(U32, [8, 8]))]
            if short in FLOATS:
                wrong += [(F32, v) for v in (math.nan, math.inf, -math.inf, -1.0, 0.0)]
                wrong += [(F64, 1e300)] if short != "rope.freq_base" else []
            else:
                wrong += [(F32, 2.0), (U32, 0), (I32, -1), (U32, (1 << 32) - 1), (U64, 1 << 63),
                    (I64, -(1 << 63)), (U64, (1 << 64) - 1)]
            if arch not in ("llama", "gemma3"):
                wrong = wrong[::3]
            for kind, value in wrong:
                shown = value if not isinstance(value, bytes) else "list"
                c.model(f"{key} = {shown} of type {kind}",
                    changed(lambda m: m.set(key, kind, value), arch), short)
            if short not in OPTIONAL:
                c.model(f"without {key}", changed(lambda m: m.drop(key), arch), short)


def inconsistent(c):
    """Each number alone is fine."""
    for arch, key, value in [("llama", "attention.head_count", 5),
        ("llama", "attention.head_count", 96), ("llama", "attention.head_count_kv", 2),
        ("llama", "attention.head_count_kv", 3), ("llama", "rope.dimension_count", 16),
        ("llama", "attention.key_length", 33), ("llama", "embedding_length", 95),
        ("llama", "embedding_length", 192), ("llama", "feed_forward_length", 127),
        ("llama", "block_count", 4), ("llama", "vocab_size", 495),
        ("llama", "vocab_size", 999_999_999), ("gemma3", "attention.key_length", 16),
        ("gemma3", "attention.value_length", 64), ("qwen3", "embedding_length", 32),
        ("qwen2", "block_count", 1024)]:
        c.model(
            f"{arch}.{key} = {value}", changed(lambda m: m.set(f"{arch}.{key}", U32, value), arch))
    for arch in ("mamba", "bert", "", "LLAMA", "clip", "llama\n", "%s%n", "x" * 60_000):
        c.model(f"architecture {arch[:9]!r}",
            changed(lambda m: m.set("general.architecture", STRING, arch)))
    c.model("architecture a number", changed(lambda m: m.set("general.architecture", U32, 7)),
        "architecture")
    c.model("no architecture", changed(lambda m: m.drop("general.architecture")), "architecture")
    c.model("rope scaling of a new kind",
        changed(lambda m: m.set("qwen2.rope.scaling.type", STRING, "yarn")), "yarn")
    for value in (0.0, -1.0, math.nan, 1e-300):
        c.model(
            f"linear rope scaling by {value}",
            changed(
                lambda m: m.set("qwen2.rope.scaling.type", STRING, "linear").set(
                    "qwen2.rope.scaling.factor", F64, value)
            ),
        )
    for value in (0, -5, 1 << 40):
        c.model(f"window {value}",
            changed(lambda m: m.set("gemma3.attention.sliding_window", I64, value), "gemma3"))
    for key in ("rope.local.freq_base", "final_logit_softcapping", "attention.scale"):
        for value in (math.nan, -math.inf, -1.0):
            c.model(f"gemma3.{key} = {value}",
                changed(lambda m: m.set(f"gemma3.{key}", F32, value), "gemma3"))


def tensors(c):
    for arch in BASES:
        for tensor in base(arch).tensors:
            if tensor.name.startswith("blk.") and not tensor.name.startswith("blk.1."):
                continue
            name = tensor.name
            if name != "output.weight":  # without it the head is tied to the embedding
                c.model(f"{arch} without {name}", changed(lambda m: m.drop(name), arch), name)

            def half(m):
                t = m.tensor(name)
                t.dims, t.data = t.dims[:-1] + [t.dims[-1] // 2], t.data[: len(t.data) // 2]

            c.model(f"{arch}: {name} of half its rows", changed(half, arch), name)

            def across(m):
                m.tensor(name).dims.reverse()

            if len(set(tensor.dims)) > 1 and arch == "llama":
                c.model(f"{arch}: {name} transposed", changed(across, arch), name)

    def vector(m):
        m.tensor("token_embd.weight").dims = [496 * 64]

    c.model("embedding a vector", changed(vector), "token_embd")

    def cube(m):
        m.tensor("token_embd.weight").dims = [64, 16, 31]

    c.model("embedding a cube", changed(cube), "token_embd")
    for values in ([0.0], [-1.0], [math.nan], [math.inf]):
        data = struct.pack("<f", values[0]) * 16
        c.model(
            f"rope factors {values}",
            changed(
                lambda m: m.tensors.append(Tensor("rope_freqs.weight", [16], 0, data)), "llama"),
            "rope_freqs",
        )
    c.model(
        "rope factors too few",
        changed(
            lambda m: m.tensors.append(Tensor("rope_freqs.weight", [8], 0, b"\0\0\x80\x3f" * 8)),
            "llama"),
        "rope_freqs",
    )


def strange_weights(c):
    """NaN is not for the loader to find, but nothing may break."""
    for name, half in (("NaN", b"\xff\x7f"), ("infinite", b"\x00\x7c"), ("largest", b"\xff\x7b")):
        for tensor in ("token_embd.weight", "blk.0.attn_k.weight", "blk.1.ffn_down.weight"):
            raw = changed(
                lambda m: setattr(
                    m.tensor(tensor), "data", half * (len(m.tensor(tensor).data) // 2))
            )
            for verb in (run("m.gguf"),
                run("m.gguf", "--temperature", "1", "--top-p", "0.9", "--min-p", "0.1")):
                c.cases.append(
                    Case(f"{name} {tensor} {len(verb)}", {"m.gguf": raw}, verb, True, plain=False))


# ---- odd but legal ----


def legal_containers(c, hearth):
    model = base()
    c.legal("version 2", model.pack(version=2), hearth=hearth)
    c.legal("bytes behind the end", model.pack() + b"behind" * 999, hearth=hearth)
    for n in (1, 2, 8, 16, 64, 256, 4096, 65536):
        c.legal(f"alignment {n}",
            changed(lambda m: m.set("general.alignment", U32, n), alignment=n), hearth=hearth)
    c.legal("alignment given as the default",
        changed(lambda m: m.set("general.alignment", U32, 32)), hearth=hearth)
    c.legal("holes between tensors", model.pack(gap=320), hearth=hearth)
    c.legal("tensors backwards", changed(lambda m: m.tensors.reverse()), hearth=hearth)
    c.legal(
        "tensors sorted", changed(lambda m: m.tensors.sort(key=lambda t: t.name)), hearth=hearth)
    c.legal("keys backwards", changed(lambda m: m.keys.reverse()), hearth=hearth)
    odd = {U8: 255, I8: -1, U16: 9, I32: -9, U32: 9, U64: (1 << 64) - 1, I64: -1, F32: math.nan,
        F64: -math.inf, BOOL: 1, STRING: "ü\x1b[31m\0\r\n"}
    for kind, value in odd.items():
        c.legal(f"unknown key of type {kind}",
            changed(lambda m: m.set("someone.else", kind, value)), hearth=hearth)
    for name, raw in (("empty", array(U32, [])),
        ("of an empty one", array(ARRAY, [array(F32, [])])),
        ("four deep", array(ARRAY, [array(ARRAY, [array(ARRAY, [array(U8, [1])])])])),
        ("of a million bytes", array(U8, [7] * (1 << 20))),
        ("of empty strings", array(STRING, [""] * 5000)),
        ("of strings that are no UTF-8", array(STRING, [b"\xff\xfe\x80"]))):
        c.legal(f"unknown array {name}", changed(lambda m: m.set("someone.else", ARRAY, raw)),
            hearth=hearth)
    c.legal("5000 unknown keys",
        changed(lambda m: [m.keys.append(Key(f"k{i}", U32, scalar(U32, i))) for i in range(5000)]),
        hearth=hearth)
    c.legal("key of 65535 bytes", changed(lambda m: m.set("k" * 65535, U32, 1)), hearth=hearth)


def legal_models(c, hearth):
    def extra(m):
        m.tensors.append(Tensor("someone.else.weight", [32, 3, 1, 2], 0, b"\0" * 768))

    c.legal("a tensor nobody asked for", changed(extra), hearth=hearth)
    c.legal(
        "2000 tensors nobody asked for",
        changed(
            lambda m: m.tensors.extend(Tensor(f"t{i}", [1], 0, b"\0" * 4) for i in range(2000))),
        hearth=hearth,
    )
    for key in ("general.name", "general.file_type", "general.quantization_version", "general.type",
        "qwen2.vocab_size", "qwen2.rope.dimension_count", "qwen2.context_length"):
        c.legal(f"without {key}", changed(lambda m: m.drop(key)), hearth=hearth)
    for kind in (U8, U16, I32, U64, I64):
        c.legal(f"layers as type {kind}", changed(lambda m: m.set("qwen2.block_count", kind, 2)),
            hearth=hearth)
    c.legal(
        "epsilon as f64",
        changed(
            lambda m: m.set("qwen2.attention.layer_norm_rms_epsilon", F64,
                struct.unpack("<f", struct.pack("<f", 1e-6))[0])
        ),
        hearth=hearth,
    )

    def ones(m):
        for tensor in m.tensors:
            tensor.dims = (
                (tensor.dims + [1, 1, 1])[:4] if tensor.name != "token_embd.weight" else tensor.dims
            )

    c.legal("trailing dimensions of 1", changed(ones), hearth=hearth)

    def own_head(m):
        table = m.tensor("token_embd.weight")
        m.tensors.append(Tensor("output.weight", list(table.dims), table.kind, table.data))

    if not any(t.name == "output.weight" for t in base().tensors):
        c.legal("a head equal to the embedding", changed(own_head), hearth=hearth)
    c.legal("head tied to the embedding", changed(lambda m: m.drop("output.weight"), "llama"))
    c.legal("no chat template", changed(lambda m: m.drop("tokenizer.chat_template")), hearth=hearth)
    c.legal("a second name",
        changed(lambda m: m.set("general.name", STRING, "\x1b[2J%s\n\t" + "n" * 3000)),
        hearth=hearth)
    c.legal("a context of 2^30", changed(lambda m: m.set("qwen2.context_length", U32, 1 << 30)),
        hearth=hearth)
    c.legal(
        "a context of 1", changed(lambda m: m.set("qwen2.context_length", U32, 1)), hearth=hearth)


def names(c, hearth):
    raw = BASES[SMALL]
    same = lambda: plain_logits(hearth, str(raw))
    for name in ("with space.gguf", "ünï – 漢字.gguf", "%s%n.gguf", "a'b\"c.gguf", "-dash.gguf",
        "no-extension", "model@avx2.gguf", "x.GGUF", "new\nline.gguf", "deep/er/m.gguf",
        "n" * 250 + ".gguf", b"\xff\xfe.gguf"):
        shown = os.fsdecode(name)
        path = b"./" + os.fsencode(name)
        c.cases.append(good(f"named {shown!r}", {name: raw}, logits(path), same=same))
        c.cases.append(good(f"named {shown!r}, show", {name: raw}, ["show", path]))
    # A linked or half-broken neighbour, and things that are no files.
    c.cases += [
        bad("a directory named .gguf", {"m.gguf/x": b""}, run("m.gguf"), "m.gguf"),
        bad("a pipe", {"m.gguf": os.mkfifo}, run("m.gguf"), "m.gguf"),
        bad("a dangling link", {"m.gguf": lambda path: os.symlink("nowhere", path)}, run("m.gguf"),
            "m.gguf"),
        bad("a link to itself", {"m.gguf": lambda path: os.symlink("m.gguf", path)}, run("m.gguf"),
            "m.gguf"),
        bad("a device", {"m.gguf": lambda path: os.symlink("/dev/zero", path)}, run("m.gguf"),
            "m.gguf"),
        bad("an empty file", {"m.gguf": b""}, run("m.gguf"), "m.gguf"),
        bad("a mistyped name", {"models.gguf": raw}, run("./model.gguf"), "models.gguf"),
        bad("a name of 5000 bytes", {}, run("./" + "n" * 5000 + ".gguf"), "nnn"),
        bad("a file as a directory", {"m.gguf": raw}, run("m.gguf/x.gguf"), "m.gguf"),
        bad("a control character in a name", {}, run("./a\x1b[31m\n.gguf"), "a"),
        good("a sparse file behind", {"m.gguf": sparse}, logits("m.gguf"), same=same),
        bad("2 GB of zeros", {"m.gguf": lambda path: sparse(path, b"")}, run("m.gguf"), "m.gguf",
            "magic"),
    ]


def sparse(path, content=BASES[SMALL].read_bytes()):
    with open(path, "wb") as out:
        out.write(content)
        out.truncate(2 << 30)


def cases(hearth):
    c = Collector()
    for part in (truncations, header, strings, values, alignments, entries, hyper_parameters,
        inconsistent, tensors, strange_weights):
        part(c)
    for part in (legal_containers, legal_models, names):
        part(c, hearth)
    return c.cases
