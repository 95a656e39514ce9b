"""Vision halves (mmproj files): hyper-parameters, tensors, wrong company, and old but legal ones."""
import functools
import math

from .case import IMAGES, NANO, bad, good, plain_logits, run
from .gguf import ARRAY, BOOL, F32, F64, I32, I64, STRING, U32, U64, Gguf, Tensor, array

TEXT, VISION = NANO / "nano.gguf", NANO / "mmproj-nano.gguf"
PICTURE = ["--image", str(IMAGES / "rgb.png")]
BESIDE = run("m.gguf", *PICTURE)
GIVEN = run("m.gguf", "--mmproj", "mmproj.gguf", *PICTURE)
IDS = ["--image", str(IMAGES / "rgb.png"), "--tokens", "1,{}".format(",".join(["3"] * 16))]


@functools.cache
def opened():
    return Gguf(VISION)


def changed(change, **packing):
    half = opened().copy()
    change(half)
    return half.pack(**packing)


class Collector:
    def __init__(self):
        self.cases = []

    def broken(self, name, raw, says=""):
        files = {"m.gguf": TEXT, "mmproj.gguf": raw}
        command = (BESIDE, GIVEN)[len(self.cases) % 2]
        self.cases.append(bad("mmproj " + name, files, command, "mmproj.gguf", says))

    def legal(self, name, raw):
        self.cases.append(
            good("mmproj legal " + name, {"m.gguf": TEXT, "mmproj.gguf": raw}, BESIDE, plain=False))


def hyper_parameters(c):
    sizes = {"image_size": [63, 72, 1, 1 << 20], "patch_size": [7, 64, 128],
        "embedding_length": [127, 256], "feed_forward_length": [511, 1 << 30],
        "block_count": [5, 1 << 20], "attention.head_count": [3, 129],
        "projector.scale_factor": [5, 8, 16, 1 << 16], "projection_dim": [64],
        "preproc_image_size": [1 << 20]}
    for key, more in sizes.items():
        full = "clip.vision." + key
        for value in (0, -1, 1 << 31, -(1 << 63), *more):
            if key == "projection_dim" and value == 64:
                continue  # some other model's half, which is passed over where it was not asked for
            c.broken(f"{key} = {value}", changed(lambda h: h.set(full, I64, value)))
        c.broken(f"{key} = 2^64-1", changed(lambda h: h.set(full, U64, (1 << 64) - 1)))
        for kind, value in ((STRING, "8"), (F32, 8.0), (BOOL, 1), (ARRAY, array(U32, [8]))):
            c.broken(f"{key} of type {kind}", changed(lambda h: h.set(full, kind, value)),
                key.rsplit(".")[-1])
        if key not in ("projection_dim", "preproc_image_size"):
            c.broken(f"without {key}", changed(lambda h: h.drop(full)), key.rsplit(".")[-1])
    for value in (math.nan, math.inf, 0.0, -1.0):
        c.broken(f"epsilon {value}",
            changed(lambda h: h.set("clip.vision.attention.layer_norm_epsilon", F64, value)))


def normalisation(c):
    for key in ("image_mean", "image_std"):
        full = "clip.vision." + key
        for values in ([], [0.5], [0.5] * 2, [0.5] * 4, [0.5] * 4000, [0.5] * 5000,
            [0.5, math.nan, 0.5], [math.inf] * 3, [-math.inf, 0.5, 0.5], [1e30] * 3):
            c.broken(f"{key} of {len(values)}: {values[:3]}",
                changed(lambda h: h.set(full, ARRAY, array(F32, values))), key)
        for kind, value in ((F32, 0.5), (STRING, "0.5"), (U32, 1),
            (ARRAY, array(STRING, ["0.5"] * 3)), (ARRAY, array(ARRAY, [array(F32, [0.5])] * 3))):
            c.broken(f"{key} of type {kind} {str(value)[:9]}",
                changed(lambda h: h.set(full, kind, value)), key)
    for zero in ([0.0] * 3, [0.5, 0.0, 0.5], [0.5, 0.5, -0.0]):
        c.broken(f"image_std {zero}",
            changed(lambda h: h.set("clip.vision.image_std", ARRAY, array(F32, zero))), "image_std")


def identity(c):
    for name in ("", "mlp", "resampler", "idefics3\0", "IDEFICS3", "p" * 70_000):
        c.broken(f"projector {name[:9]!r}",
            changed(lambda h: h.set("clip.projector_type", STRING, name)), "projector")
    c.broken("no projector", changed(lambda h: h.drop("clip.projector_type")), "projector")
    c.broken("architecture llama",
        changed(lambda h: h.set("general.architecture", STRING, "llama")), "clip")
    for cut in (0, 4, 20, 500, 5000, 1_000_000):
        c.broken(f"cut at {cut}", VISION.read_bytes()[:cut])
    files = {"m.gguf": VISION, "text.gguf": TEXT}
    c.cases += [
        bad("a vision half as the model", files, run("m.gguf"), "m.gguf", "mmproj"),
        bad("a model as the vision half", files,
            run("text.gguf", "--mmproj", "text.gguf", *PICTURE), "text.gguf", "clip"),
        bad("no such vision half", files, run("text.gguf", "--mmproj", "none.gguf"), "none.gguf"),
        bad("a picture for a text model", {"t.gguf": TEXT}, run("t.gguf", *PICTURE), "nano",
            "text only"),
        bad(
            "another model's half",
            {"m.gguf": TEXT,
                "v.gguf": changed(lambda h: h.set("clip.vision.projection_dim", U32, 64))},
            run("m.gguf", "--mmproj", "v.gguf", *PICTURE),
            "v.gguf",
            "128",
        ),
    ]


def tensors(c):
    for tensor in opened().tensors:
        name = tensor.name
        if name.startswith("v.blk.") and not name.startswith("v.blk.3."):
            continue
        c.broken(f"without {name}", changed(lambda h: h.drop(name)), name.rsplit(".", 1)[0])

        def half(h):
            t = h.tensor(name)
            t.dims, t.data = t.dims[:-1] + [t.dims[-1] // 2], t.data[: len(t.data) // 2]

        c.broken(f"{name} of half its rows", changed(half), name)

    def more_positions(h):
        t = h.tensor("v.position_embd.weight")
        t.dims, t.data = [t.dims[0], t.dims[1] * 2], t.data * 2

    c.broken("twice the positions", changed(more_positions), "position_embd")


def legal(c):
    for key in ("general.name", "general.type", "general.file_type", "clip.use_gelu",
        "clip.vision.image_mean", "clip.vision.image_std", "clip.vision.preproc_image_size",
        "clip.vision.preproc_split", "clip.vision.projection_dim",
        "clip.vision.attention.layer_norm_epsilon", "clip.has_vision_encoder"):
        c.legal(f"without {key}", changed(lambda h: h.drop(key)))
    for edge in (1, 63, 65, 128, 1024, 4096):
        c.legal(
            f"longest edge {edge}",
            changed(
                lambda h: h.set("clip.vision.preproc_image_size", U32, edge).set(
                    "clip.vision.preproc_split", BOOL, 0)
            ),
        )

    def old_names(h):  # fc1 and fc2 exchanged, as files from before a fix have them
        for t in h.tensors:
            t.name = (t.name.replace("ffn_up", "ffn_x") .replace("ffn_down", "ffn_up")
                .replace("ffn_x", "ffn_down"))

    c.legal("fc1 and fc2 exchanged", changed(old_names))
    c.legal("tile that is no multiple of a patch",
        changed(lambda h: h.set("clip.vision.image_size", U32, 103)))
    c.legal("sizes as i32", changed(lambda h: h.set("clip.vision.image_size", I32, 96)))
    c.legal("mean as f64",
        changed(lambda h: h.set("clip.vision.image_mean", ARRAY, array(F64, [0.5] * 3))))
    c.legal("a tensor nobody asked for",
        changed(lambda h: h.tensors.append(Tensor("a.weight", [4], 0, b"\0" * 16))))
    c.legal("version 2", changed(lambda h: None, version=2))
    c.legal("tensors backwards", changed(lambda h: h.tensors.reverse()))
    c.cases.append(
        good(
            "another model's half beside a text question",
            {"m.gguf": TEXT,
                "mmproj.gguf": changed(lambda h: h.set("clip.vision.projection_dim", U32, 64))},
            run("m.gguf"),
            plain=False,
        )
    )


def cases(hearth):
    c = Collector()
    for part in (hyper_parameters, normalisation, identity, tensors, legal):
        part(c)
    return c.cases
