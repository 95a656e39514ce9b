"""Pictures: cut, lying about their size, of every mode and shape, and things that are none."""
import functools
import os
import struct
import zlib

from .case import Case, IMAGES, bad, good, run

SUFFIXES = (".png", ".jpg", ".webp", ".gif", ".bmp")
PICTURES = sorted(p for p in IMAGES.iterdir() if p.suffix in SUFFIXES)
FORMATS = {"png": "rgb.png", "png interlaced": "interlaced-rgb.png", "jpg": "444.jpg",
    "jpg progressive": "progressive.jpg", "webp": "lossy.webp", "webp lossless": "lossless.webp",
    "webp alpha": "lossy-alpha.webp", "webp animated": "animated.webp", "gif": "plain.gif",
    "gif interlaced": "interlaced.gif", "bmp": "24.bmp", "bmp palette": "8.bmp"}


def look(name):
    return ["debug", "preprocess", "--longest-edge", "128", "--tile", "64", "--image", name]


def ask(name):
    return run("nano", "--image", name)


def refused(name, raw, file="p.png", says=""):
    return bad(
        "picture " + name, {file: raw}, ask(file) if len(name) % 2 else look(file), file, says)


@functools.cache
def raw_of(format):
    return (IMAGES / FORMATS[format]).read_bytes()


def truncated():
    """Cut in the header and in the pixels; behind that lie checksums, or further frames."""
    cases = []
    for format in FORMATS:
        raw = raw_of(format)
        end = len(raw) // 4 if "animated" in format else len(raw) * 3 // 4
        for cut in sorted({0, 1, 2, 4, 10, 20, 30, end // 3, end * 2 // 3, end}):
            cases.append(refused(f"{format} cut at {cut}", raw[:cut], "p." + format[:3]))
    return cases


def corrupted():
    """One byte wrong, over the whole file: whichever answer, but an orderly one."""
    cases = []
    for format in FORMATS:
        raw = raw_of(format)
        for at in range(1, len(raw), max(len(raw) // 9, 1)):
            wrong = raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :]
            file = "p." + format[:3]
            cases.append(
                Case(f"picture {format} wrong at {at}", {file: wrong}, look(file), None, file))
    return cases


# ---- sizes in headers ----


def chunk(kind, data, crc=None):
    return (
        struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)
    )


def png(
    width,
    height,
    depth=8,
    colour=2,
    pixels=b"\0" * 64,
    before=b"",
    compression=0,
    method=0,
    interlace=0,
    end=True,
):
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR",
            struct.pack(">IIBBBBB", width, height, depth, colour, compression, method, interlace))
        + before
        + chunk(b"IDAT", zlib.compress(pixels))
        + (chunk(b"IEND", b"") if end else b"")
    )


def png_of(width, height):
    return png(width, height, pixels=(b"\0" + b"\x80\x40\x20" * width) * height)


def gif(width, height, frame=None):
    fw, fh = frame or (width, height)
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0x80, 0, 0)
        + b"\0\0\0\xff\xff\xff"
        + b","
        + struct.pack("<HHHHB", 0, 0, fw, fh, 0)
        + b"\x02\x02\x44\x01\x00;"
    )


def bmp(width, height, bits=24, compression=0, offset=54, colours=0, header=40):
    return (
        b"BM"
        + struct.pack("<IHHI", 54 + 64, 0, 0, offset)
        + struct.pack(
            "<IiiHHIIiiII", header, width, height, 1, bits, compression, 0, 0, 0, colours, 0)
        + b"\0" * 64
    )


def webp(width, height):
    extended = (
        b"VP8X"
        + struct.pack("<IB", 10, 0)
        + b"\0\0\0"
        + struct.pack("<I", width - 1)[:3]
        + struct.pack("<I", height - 1)[:3]
    )
    return b"RIFF" + struct.pack("<I", 4 + len(extended)) + b"WEBP" + extended


def jpeg_resized(width, height):
    raw = raw_of("jpg")
    at = raw.index(b"\xff\xc0") + 5
    return raw[:at] + struct.pack(">HH", height, width) + raw[at + 4 :]


def bombs():
    cases = []
    for width, height in ((10_001, 10_000), (65_000, 65_000), (1_000_001, 1), (1, 1_000_001),
        (1 << 31, 1), ((1 << 31) - 1, (1 << 31) - 1), (1 << 16, 1 << 16),
        ((1 << 32) - 1, (1 << 32) - 1)):
        cases.append(refused(f"png of {width} × {height}", png(width, height), "p.png"))
        w, h = min(width, (1 << 31) - 1), min(height, (1 << 31) - 1)
        cases.append(refused(f"bmp of {width} × {height}", bmp(w, h), "p.bmp"))
        if width < 1 << 24 and height < 1 << 24:
            cases.append(refused(f"webp of {width} × {height}", webp(width, height), "p.webp"))
        if max(width, height) < 1 << 16:
            cases.append(refused(f"gif of {width} × {height}", gif(width, height), "p.gif"))
            cases.append(
                refused(f"jpg of {width} × {height}", jpeg_resized(width, height), "p.jpg"))
    cases.append(refused("gif of 65535 × 65535", gif(65535, 65535), "p.gif", r"\d"))
    cases.append(refused("gif with a larger frame", gif(1, 1, (65535, 65535)), "p.gif"))
    text = b"Comment\0\0" + zlib.compress(b"a" * (256 << 20), 9)
    profile = b"icc\0\0" + zlib.compress(b"a" * (256 << 20), 9)
    small = b"\0\x80\x40\x20"
    for kind, data in ((b"zTXt", text), (b"iCCP", profile)):
        cases.append(
            good(f"picture legal png with 256 MB in {kind.decode()}",
                {"p.png": png(1, 1, pixels=small, before=chunk(kind, data))}, look("p.png"))
        )
    cases.append(
        good("picture png with 64 MB of pixels too many",
            {"p.png": png(1, 1, pixels=small + b"\0" * (64 << 20))}, look("p.png"))
    )
    sof = raw_of("jpg progressive")
    start = sof.index(b"\xff\xda")
    end = start + 2 + struct.unpack(">H", sof[start + 2 : start + 4])[0]
    scan = sof[start:end] + b"\0" * 4
    cases.append(
        Case("picture of 20,000 scans", {"p.jpg": sof[:start] + scan * 20_000 + b"\xff\xd9"},
            look("p.jpg"), None, "p.jpg")
    )
    return cases


def broken_headers():
    cases = []
    for width, height in ((0, 0), (0, 1), (1, 0)):
        cases += [refused(f"png of {width} × {height}", png(width, height), "p.png"),
            refused(f"bmp of {width} × {height}", bmp(width, height), "p.bmp"),
            refused(f"gif of {width} × {height}", gif(width, height, (width, height)), "p.gif"),
            refused(f"jpg of {width} × {height}", jpeg_resized(width, height), "p.jpg")]
    for name, fields in (("depth 3", {"depth": 3}), ("depth 0", {"depth": 0}),
        ("depth 32", {"depth": 32}), ("colour 5", {"colour": 5}),
        ("palette without one", {"colour": 3}), ("compression 1", {"compression": 1}),
        ("filter method 1", {"method": 1}), ("interlace 2", {"interlace": 2})):
        cases.append(refused(f"png with {name}", png(8, 8, pixels=b"\0" * 200, **fields)))
    cases += [
        refused("png with too few pixels", png(64, 64)),
        refused("png with a bad filter", png(8, 8, pixels=b"\x09" * 200)),
        refused("png with a bad checksum", png(8, 8)[:29] + b"\0\0\0\0" + png(8, 8)[33:]),
        refused(
            "png without pixels",
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
            + chunk(b"IEND", b""),
        ),
        refused(
            "png with a chunk of 2^31", b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 1 << 31) + b"IHDR"
        ),
        refused("png without a header", b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b"")),
    ]
    for bits in (0, 2, 3, 7, 15, 31, 48, 64, 65535):
        cases.append(refused(f"bmp of {bits} bits", bmp(4, 4, bits), "p.bmp"))
    for compression in (4, 5, 6, 11, 1 << 31):
        cases.append(
            refused(f"bmp compressed as {compression}", bmp(4, 4, compression=compression), "p.bmp")
        )
    for offset in (0, 13, 100, 118, 1 << 20, (1 << 32) - 1):
        cases.append(
            Case(f"picture bmp with pixels at {offset}", {"p.bmp": bmp(4, 4, offset=offset)},
                look("p.bmp"), None, "p.bmp")
        )
    for colours in (257, 1 << 16, (1 << 32) - 1):
        cases.append(
            Case(f"picture bmp of {colours} colours", {"p.bmp": bmp(4, 4, 8, colours=colours)},
                look("p.bmp"), None, "p.bmp")
        )
    for header in (0, 11, 13, 39, 1 << 20, (1 << 32) - 1):
        cases.append(refused(f"bmp with a header of {header}", bmp(4, 4, header=header), "p.bmp"))
    cases.append(refused("bmp upside down beyond", bmp(4, -(1 << 31)), "p.bmp"))
    return cases


def no_pictures():
    things = {"empty": b"", "text": b"hello\n" * 100, "zeros": b"\0" * 5000,
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>",
        "pdf": b"%PDF-1.7\n", "tiff": b"II*\0\x08\0\0\0" + b"\0" * 99,
        "heic": b"\0\0\0\x18ftypheic" + b"\0" * 99, "avif": b"\0\0\0\x1cftypavif" + b"\0" * 99,
        "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 99,
        "ico": b"\0\0\1\0\1\0" + b"\x10" * 99, "ppm": b"P6 1 1 255 abc",
        "zip": b"PK\3\4" + b"\0" * 99, "html": b"<html></html>", "json": b"{}",
        "mp4": b"\0\0\0\x18ftypmp42" + b"\0" * 99, "psd": b"8BPS\0\1" + b"\0" * 99,
        "exr": b"\x76\x2f\x31\x01" + b"\0" * 99, "qoi": b"qoif" + b"\0" * 99,
        "jxl": b"\xff\x0a" + b"\0" * 99, "riff": b"RIFF\x04\0\0\0WAVE",
        "only a signature": b"\x89PNG\r\n\x1a\n", "jpeg of markers": b"\xff\xd8" + b"\xff" * 5000,
        "jpeg ended at once": b"\xff\xd8\xff\xd9", "gif without frames": b"GIF89a\1\0\1\0\0\0\0;",
        "random": bytes((i * i * 31 + 7) % 256 for i in range(4096))}
    cases = []
    for name, raw in things.items():
        cases += [bad(f"no picture: {name}", {"p.png": raw}, ask("p.png"), "p.png"),
            bad(f"no picture: {name}, preprocess", {"p.png": raw}, look("p.png"), "p.png")]
    one = {"a directory": {"p.png/x": b""}, "a pipe": {"p.png": os.mkfifo},
        "a device": {"p.png": lambda path: os.symlink("/dev/zero", path)}, "nothing": {},
        "a dangling link": {"p.png": lambda path: os.symlink("nowhere", path)},
        "a huge hole": {"p.png": hole}}
    return cases + [
        bad(f"no picture: {name}", files, ask("p.png"), "p.png") for name, files in one.items()]


def hole(path):
    with open(path, "wb") as out:
        out.write(png_of(1, 1)[:30])
        out.truncate(2 << 30)


# ---- odd but legal ----


def legal():
    cases = []
    for picture in PICTURES:
        cases.append(
            good(f"picture legal {picture.name}", {picture.name: picture}, look(picture.name)))
        cases.append(
            good(f"picture legal {picture.name} called p.txt", {"p.txt": picture}, ask("p.txt"),
                plain=False)
        )
    for width, height in ((1, 1), (1, 2), (2, 1), (3, 1), (1, 3), (3, 3), (3, 4), (1, 1000),
        (1000, 1), (1, 20_000), (20_000, 1), (7, 3000), (64, 64), (65, 63)):
        raw = png_of(width, height)
        cases += [
            good(f"picture legal {width} × {height}", {"p.png": raw}, look("p.png")),
            good(f"picture legal {width} × {height}, asked", {"p.png": raw}, ask("p.png"),
                plain=False),
            good(f"picture legal {width} × {height}, smaller", {"p.png": raw},
                [*look("p.png"), "--no-upscale"]),
        ]
    for name in ("with space.png", "ünï.png", "-dash.png", "new\nline.png", "no-extension",
        "%s%n.png", "n" * 250 + ".png"):
        cases.append(good(f"picture legal named {name!r}", {name: png_of(5, 5)}, look("./" + name)))
    for format in ("png", "jpg", "gif", "bmp"):
        cases.append(
            good(f"picture legal {format} with bytes behind",
                {"p." + format: raw_of(format) + b"behind" * 999}, look("p." + format))
        )
    many = {f"{i}.png": png_of(1 + i, 1) for i in range(8)}
    cases.append(
        good("picture legal eight of them", many,
            ["run", "nano", "Hi", "--max-tokens", "1", *sum((["--image", n] for n in many), [])],
            plain=False)
    )
    cases.append(
        good("picture legal twice", {"p.png": png_of(9, 9)},
            ["run", "nano", "Hi", "--max-tokens", "1", "--image", "p.png", "--image", "p.png"],
            plain=False)
    )
    return cases


def cases(hearth):
    return truncated() + corrupted() + bombs() + broken_headers() + no_pictures() + legal()
