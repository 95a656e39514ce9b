#!/usr/bin/env python3
"""Draws the pictures of this folder and writes expected.json: what Pillow makes of each,
and torchvision.json: one of them through ATen's integer resampling.

Everything is drawn here, so nothing has an owner but this project. Needs python3-pil (made with
Pillow 9.4.0 of Debian 12). Formats that Pillow reads but does not write are put together by hand.

    /usr/bin/python3 make.py
"""
import io
import json
import pathlib
import struct
import zlib

from PIL import Image, ImageDraw, ImageOps

HERE = pathlib.Path(__file__).parent
W, H = 37, 23


def scene(width=W, height=H):
    """Gradients with hard edges: chroma handling, clamping and row order all show."""
    image = Image.new("RGB", (width, height))
    image.putdata([(x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1),
                    (x * 7 ^ y * 11) & 255) for y in range(height) for x in range(width)])
    draw = ImageDraw.Draw(image)
    draw.rectangle([width // 5, height // 4, width // 2, height // 2], fill=(250, 20, 30))
    draw.ellipse([width // 2, height // 3, width - 3, height - 3], fill=(10, 200, 40))
    draw.line([0, height - 1, width - 1, 0], fill=(255, 255, 255))
    return image


def alpha(width=W, height=H):
    image = Image.new("L", (width, height))
    image.putdata([(x * 13 + y * 17) & 255 for y in range(height) for x in range(width)])
    return image


def with_alpha():
    image = scene().convert("RGBA")
    image.putalpha(alpha())
    return image


def indexed(colours=16):
    return scene().quantize(colours, dither=Image.Dither.NONE)


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data.tobytes()


def saved(image, fmt, **options):
    out = io.BytesIO()
    image.save(out, fmt, **options)
    return out.getvalue()


# ---- PNG by hand: depths, interlacing and chunks that Pillow does not write ----
def chunk(kind, data=b""):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed_row(samples, depth):
    if depth == 16:
        return b"".join(struct.pack(">H", s) for s in samples)
    bits = "".join(format(s, f"0{depth}b") for s in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2)]


def png(width, height, depth, colour, pixel, before=b"", after=b"", interlaced=False, cuts=1):
    """`pixel(x, y)` gives the samples; `before` and `after` are chunks around the pixels."""
    raw = b""
    for x0, y0, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        for y in range(y0, height, dy):
            row = [s for x in range(x0, width, dx) for s in pixel(x, y)]
            if row:
                raw += b"\0" + packed_row(row, depth)
    data = zlib.compress(raw, 9)
    parts = [data[i * len(data) // cuts:(i + 1) * len(data) // cuts] for i in range(cuts)]
    return (b"\x89PNG\r\n\x1a\n" +
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)) +
            before + b"".join(chunk(b"IDAT", p) for p in parts) + after + chunk(b"IEND"))


def pngs():
    rgb, grey, rgba = scene().load(), scene().convert("L").load(), with_alpha().load()
    palette = indexed()
    index, colours = palette.load(), bytes(palette.getpalette()[:48])
    plte = chunk(b"PLTE", colours)
    yield "rgb.png", saved(scene(), "PNG")
    yield "rgba.png", saved(with_alpha(), "PNG")
    yield "grey.png", saved(scene().convert("L"), "PNG")
    yield "grey-alpha.png", saved(with_alpha().convert("LA"), "PNG")
    yield "bits.png", saved(scene().convert("1"), "PNG")
    yield "palette256.png", saved(indexed(256), "PNG")
    yield "palette4.png", saved(indexed(4), "PNG", bits=2)
    yield "palette2.png", saved(indexed(2), "PNG", bits=1)
    yield "palette-trns.png", saved(indexed(), "PNG", transparency=3)
    yield "palette-trns-bytes.png", saved(indexed(), "PNG", transparency=bytes(range(0, 256, 16)))
    yield "rgb-trns.png", png(W, H, 8, 2, lambda x, y: rgb[x, y],
                              chunk(b"tRNS", struct.pack(">HHH", *rgb[5, 5])))
    yield "grey-trns.png", png(W, H, 8, 0, lambda x, y: [grey[x, y]],
                               chunk(b"tRNS", struct.pack(">H", grey[5, 5])))
    yield "grey2.png", png(W, H, 2, 0, lambda x, y: [grey[x, y] >> 6])
    yield "grey4.png", png(W, H, 4, 0, lambda x, y: [grey[x, y] >> 4])
    # 16 bits: the grey one has values around 255, where Pillow clips.
    yield "grey16.png", png(W, H, 16, 0, lambda x, y: [(x * y * 3) ** 2 // 40 % 65536])
    yield "rgb16.png", png(W, H, 16, 2, lambda x, y: [s * 257 ^ x * 9 for s in rgb[x, y]])
    yield "rgba16.png", png(W, H, 16, 6, lambda x, y: [s * 256 + x for s in rgba[x, y]])
    yield "grey-alpha16.png", png(W, H, 16, 4, lambda x, y: [grey[x, y] * 256 + 200, x * 999])
    yield "interlaced-rgb.png", png(W, H, 8, 2, lambda x, y: rgb[x, y], interlaced=True)
    yield "interlaced-grey1.png", png(W, H, 1, 0, lambda x, y: [grey[x, y] >> 7], interlaced=True)
    yield "interlaced-grey16.png", png(W, H, 16, 0, lambda x, y: [x * y], interlaced=True)
    yield "interlaced-palette.png", png(W, H, 4, 3, lambda x, y: [index[x, y]], plte,
                                        interlaced=True)
    yield "interlaced-3x2.png", png(3, 2, 8, 2, lambda x, y: rgb[x * 9, y * 9], interlaced=True)
    yield "1x1.png", saved(scene(1, 1), "PNG")
    # Chunks that are not pixels, one of them a colour profile that inflates to 1 MB.
    extras = (chunk(b"gAMA", struct.pack(">I", 20000)) +
              chunk(b"iCCP", b"bomb\0\0" + zlib.compress(b"\0" * (1 << 20), 9)) +
              chunk(b"tEXt", b"Comment\0" + b"words " * 50) + chunk(b"prIv", b"private"))
    yield "extra-chunks.png", png(W, H, 8, 2, lambda x, y: rgb[x, y], extras, cuts=4)
    yield "exif-6-before.png", png(W, H, 8, 2, lambda x, y: rgb[x, y], chunk(b"eXIf", exif(6)[6:]))
    yield "exif-8-after.png", png(W, H, 8, 2, lambda x, y: rgb[x, y],
                                  after=chunk(b"eXIf", exif(8)[6:]))


def jpegs():
    for name, subsampling in [("444", 0), ("422", 1), ("420", 2)]:
        yield f"{name}.jpg", saved(scene(), "JPEG", subsampling=subsampling, quality=85)
    yield "low-quality.jpg", saved(scene(50, 41), "JPEG", quality=8)
    yield "grey.jpg", saved(scene().convert("L"), "JPEG")
    yield "progressive.jpg", saved(scene(), "JPEG", progressive=True, quality=80)
    yield "progressive-grey.jpg", saved(scene().convert("L"), "JPEG", progressive=True)
    yield "cmyk.jpg", saved(scene().convert("CMYK"), "JPEG", quality=90)
    black = Image.merge("CMYK", [*scene().split(), alpha()])
    yield "cmyk-black.jpg", saved(black, "JPEG", quality=90)
    yield "1x1.jpg", saved(scene(1, 1), "JPEG")
    yield "1x19.jpg", saved(scene(1, 19), "JPEG")
    yield "17x1.jpg", saved(scene(17, 1), "JPEG")
    for orientation in range(1, 9):
        yield f"exif-{orientation}.jpg", saved(scene(20, 12), "JPEG", exif=exif(orientation))
    intel = exif(6).replace(  # the same tag in the other byte order, after another tag
        exif(6)[6:], b"II*\0\x08\0\0\0\x02\0" + struct.pack("<HHII", 0x0100, 4, 1, 7) +
        struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + b"\0\0\0\0")
    yield "exif-intel-6.jpg", saved(scene(20, 12), "JPEG", exif=intel)
    yield "exif-9.jpg", saved(scene(20, 12), "JPEG", exif=exif(9))


def webps():
    yield "lossy.webp", saved(scene(), "WEBP", quality=80)
    yield "lossless.webp", saved(scene(), "WEBP", lossless=True)
    yield "lossy-alpha.webp", saved(with_alpha(), "WEBP", quality=70)
    yield "lossless-alpha.webp", saved(with_alpha(), "WEBP", lossless=True)
    yield "lossless-alpha-exact.webp", saved(with_alpha(), "WEBP", lossless=True, exact=True)
    yield "1x1.webp", saved(scene(1, 1), "WEBP", lossless=True)
    yield "exif-6.webp", saved(scene(), "WEBP", lossless=True, exif=exif(6))
    frames = [scene(), ImageOps.invert(scene())]
    yield "animated.webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:],
                                 lossless=True)
    # A first frame smaller than its canvas.
    still = saved(with_alpha(), "WEBP", lossless=True, exact=True)
    image_chunk = still[still.index(b"VP8L"):]

    def le24(n):
        return struct.pack("<I", n)[:3]

    def riff(kind, data):
        return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)

    frame = le24(3) + le24(2) + le24(W - 1) + le24(H - 1) + le24(100) + b"\0" + image_chunk
    body = (riff(b"VP8X", b"\x12\0\0\0" + le24(W + 14) + le24(H + 9)) +
            riff(b"ANIM", b"\xff\xff\xff\xff\0\0") + riff(b"ANMF", frame))
    yield "animated-offset.webp", riff(b"RIFF", b"WEBP" + body)


def gifs():
    image = indexed()
    yield "plain.gif", saved(image, "GIF", interlace=0)
    yield "interlaced.gif", saved(image, "GIF", interlace=1)
    yield "grey.gif", saved(scene().convert("L"), "GIF")
    yield "1x1.gif", saved(scene(1, 1).quantize(2), "GIF")
    yield "transparent.gif", saved(image, "GIF", transparency=5, comment=b"a comment")
    yield "animated.gif", saved(image, "GIF", save_all=True,
                                append_images=[ImageOps.invert(scene()).quantize(8)])

    def moved(data, screen, left, top):
        """The same frame at another place on a screen of another size."""
        flags = data[10]
        frame = 13 + (3 << (flags & 7) + 1)
        while data[frame] == 0x21:  # extensions
            frame += 2
            while data[frame]:
                frame += 1 + data[frame]
            frame += 1
        assert data[frame] == 0x2C
        data = bytearray(data)
        data[6:10] = struct.pack("<HH", *screen)
        data[frame + 1:frame + 5] = struct.pack("<HH", left, top)
        return bytes(data)

    plain, see_through = saved(image, "GIF"), saved(image, "GIF", transparency=5)
    yield "offset.gif", moved(plain, (50, 40), 7, 9)
    yield "offset-transparent.gif", moved(see_through, (50, 40), 7, 9)
    yield "out-of-screen.gif", moved(plain, (20, 10), 3, 2)
    # No palette at all: indices are grey.
    size = 3 << (plain[10] & 7) + 1
    yield "no-palette.gif", plain[:10] + bytes([plain[10] & 0x70]) + plain[11:13] + plain[13 + size:]


def bmps():
    yield "24.bmp", saved(scene(), "BMP")
    yield "32.bmp", saved(with_alpha(), "BMP")
    yield "8.bmp", saved(indexed(200), "BMP")
    yield "8-grey.bmp", saved(scene().convert("L"), "BMP")
    yield "1.bmp", saved(scene().convert("1"), "BMP")
    yield "1x1.bmp", saved(scene(1, 1), "BMP")

    rgb, index, colours = scene().load(), indexed().load(), indexed().getpalette()

    def bmp(bits, pixel, top_down=False, masks=b"", palette=b"", used=0, old=False):
        rows = b""
        for y in range(H) if top_down else reversed(range(H)):
            row = packed_row([pixel(x, y) for x in range(W)], bits) if bits < 8 else b"".join(
                pixel(x, y).to_bytes(bits // 8, "little") for x in range(W))
            rows += row + b"\0" * (-len(row) % 4)
        if old:
            info = struct.pack("<IHHHH", 12, W, H, 1, bits)
        else:
            info = struct.pack("<IiiHHIIiiII", 40, W, -H if top_down else H, 1, bits,
                               3 if masks else 0, len(rows), 2835, 2835, used, 0)
        offset = 14 + len(info) + len(masks) + len(palette)
        return (b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + info + masks +
                palette + rows)

    def true_colour(x, y):
        r, g, b = rgb[x, y]
        return r << 16 | g << 8 | b

    def short_colour(red, green, blue):
        def pixel(x, y):
            r, g, b = rgb[x, y]
            return ((r >> 8 - red) << green + blue | (g >> 8 - green) << blue | b >> 8 - blue)
        return pixel

    bgrx = b"".join(bytes([colours[3 * i + 2], colours[3 * i + 1], colours[3 * i], 0])
                    for i in range(16))
    bgr = b"".join(bytes([colours[3 * i + 2], colours[3 * i + 1], colours[3 * i]])
                   for i in range(16))
    yield "24-top-down.bmp", bmp(24, true_colour, top_down=True)
    yield "32-masks.bmp", bmp(32, lambda x, y: true_colour(x, y) << 8,
                              masks=struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00))
    yield "16-555.bmp", bmp(16, short_colour(5, 5, 5))
    yield "16-565.bmp", bmp(16, short_colour(5, 6, 5), masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    yield "4.bmp", bmp(4, lambda x, y: index[x, y], palette=bgrx, used=16)
    yield "4-os2.bmp", bmp(4, lambda x, y: index[x, y], palette=bgr, old=True)


# ---- ATen's antialiased bicubic for 8-bit pictures, written from its description: int16 weights with
# as many bits as the largest allows, rows first, 8 bits in between ----
def torchvision_pass(lines, n_out):
    """`lines` are lists of equal length; each is resampled to `n_out` values."""
    n_in = len(lines[0])
    scale = n_in / n_out
    support, inverse = (2 * scale, 1 / scale) if scale >= 1 else (2.0, 1.0)

    def cubic(x):
        x = abs(x)
        if x < 1:
            return (1.5 * x - 2.5) * x * x + 1
        return ((-0.5 * x + 2.5) * x - 4) * x + 2 if x < 2 else 0.0

    windows = []
    for i in range(n_out):
        centre = scale * (i + 0.5)
        first = max(int(centre - support + 0.5), 0)
        last = min(int(centre + support + 0.5), n_in)
        weights = [cubic((j - centre + 0.5) * inverse) for j in range(first, last)]
        windows.append((first, [w / sum(weights) for w in weights]))
    largest = max(w for _, weights in windows for w in weights)
    bits = 0
    while bits < 22 and int(0.5 + largest * (1 << bits + 1)) < 1 << 15:
        bits += 1
    fixed = [(first, [int(w * (1 << bits) + (0.5 if w >= 0 else -0.5)) for w in weights])
             for first, weights in windows]
    return [[min(max((1 << bits - 1) + sum(w * v for w, v in zip(weights, line[first:])) >> bits, 0),
                 255) for first, weights in fixed] for line in lines]


def torchvision(image, width, height):
    planes = []
    for plane in image.split():
        values = list(plane.getdata())
        rows = [values[y * image.width:(y + 1) * image.width] for y in range(image.height)]
        rows = torchvision_pass(rows, width) if width != image.width else rows
        columns = [list(c) for c in zip(*rows)]
        columns = torchvision_pass(columns, height) if height != image.height else columns
        planes.append([list(r) for r in zip(*columns)])
    return bytes(p[y][x] for y in range(height) for x in range(width) for p in planes)


def torchvision_cases():
    for size in [(37, 23), (16, 16), (5, 60), (64, 48), (37, 9), (90, 23), (1, 1), (11, 7)]:
        yield {"file": "rgb.png", "size": list(size),
               "crc": format(zlib.crc32(torchvision(scene(), *size)), "08x")}


def main():
    expected = {}
    for make in (pngs, jpegs, webps, gifs, bmps):
        for name, data in make():
            (HERE / name).write_bytes(data)
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
            expected[name] = {"size": list(image.size),
                              "crc": format(zlib.crc32(image.tobytes()), "08x")}
    text = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}"
                      for name, value in sorted(expected.items()))
    (HERE / "expected.json").write_text("{\n" + text + "\n}\n")
    cases = ",\n".join("  " + json.dumps(case) for case in torchvision_cases())
    (HERE / "torchvision.json").write_text("[\n" + cases + "\n]\n")


main()
