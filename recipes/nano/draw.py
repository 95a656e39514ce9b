"""Scenes to pixels with Pillow, and a dense label for every patch of the encoder's first training."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scenes import BACKGROUNDS, CHARACTERS, COLORS, SHAPES, ZONES

SIDE, PATCH = 96, 8
GRID = SIDE // PATCH

_ROOT = "/usr/share/fonts/truetype/"
FONTS = [_ROOT + name for name in (
    "dejavu/DejaVuSans-Bold.ttf", "dejavu/DejaVuSansMono-Bold.ttf", "dejavu/DejaVuSans.ttf",
    "dejavu/DejaVuSerif-Bold.ttf", "liberation/LiberationSans-Bold.ttf", "liberation/LiberationSans-Regular.ttf",
    "liberation/LiberationMono-Bold.ttf", "liberation/LiberationSerif-Bold.ttf", "freefont/FreeMonoBold.ttf",
    "freefont/FreeSansBold.ttf", "liberation/LiberationSansNarrow-Bold.ttf")]
TRAINING_FONTS, UNSEEN_FONTS = range(9), range(9, 11)
_sizes = {}


def _font(index, size):
    key = index, size
    if key not in _sizes:
        _sizes[key] = ImageFont.truetype(FONTS[index], size)
    return _sizes[key]


def outline(thing):
    """The corners of a thing on the unit square; round ones are approximated."""
    if thing.shape in ("circle", "ring"):
        points = [(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * math.pi, 28, endpoint=False)]
    elif thing.shape == "square":
        points = [(-0.84, -0.84), (0.84, -0.84), (0.84, 0.84), (-0.84, 0.84)]
    elif thing.shape == "triangle":
        low = 0.55 + 0.35 * thing.form
        points = [(0, -1), (0.95, low), (-0.95, low)]
    elif thing.shape == "star":
        radii = [1, 0.36 + 0.14 * thing.form] * 5
        points = [(r * math.sin(i * math.pi / 5), -r * math.cos(i * math.pi / 5)) for i, r in enumerate(radii)]
    elif thing.shape == "cross":
        a = 0.24 + 0.16 * thing.form
        points = [(-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a),
                  (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)]
    else:  # heart
        points = [(1.0 * math.sin(t) ** 3, -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t)
                                             - math.cos(4 * t)) / 16 + 0.1)
                  for t in np.linspace(0, 2 * math.pi, 30, endpoint=False)]
    c, s = math.cos(thing.turn), math.sin(thing.turn)
    return [(thing.x + thing.radius * (c * x - s * y), thing.y + thing.radius * (s * x + c * y))
            for x, y in points]


def bar_boxes(scene):
    """Left, top, right, bottom of each bar."""
    slot, half = 0.92 / len(scene.bars), scene.bar_share / 2
    return [(0.04 + slot * (i + 0.5 - half), scene.bar_base - bar.height, 0.04 + slot * (i + 0.5 + half), scene.bar_base)
            for i, bar in enumerate(scene.bars)]


def text_layout(scene):
    """Font size, left edge and baseline box of the word on a picture of side 1: (size, x, y)."""
    probe = _font(scene.font, 100)
    left, top, right, bottom = probe.getbbox(scene.text)
    size = min(scene.text_width / ((right - left) / 100), 0.6 / ((bottom - top) / 100))
    width, height = (right - left) / 100 * size, (bottom - top) / 100 * size
    x = min(max(scene.text_place[0] - width / 2, 0.02), 0.98 - width) - left / 100 * size
    y = min(max(scene.text_place[1] - height / 2, 0.02), 0.98 - height) - top / 100 * size
    return size, x, y


def _paint(draw, scene, side, fills, ground, edge=None):
    """Draws the scene with the given colours: the picture's, or numbers of objects."""
    at = lambda points: [(x * side, y * side) for x, y in points]
    for thing, fill in zip(scene.things, fills):
        draw.polygon(at(outline(thing)), fill=fill, outline=edge)
        if thing.shape == "ring":
            inner = [(thing.x + (x - thing.x) * 0.55, thing.y + (y - thing.y) * 0.55) for x, y in outline(thing)]
            draw.polygon(at(inner), fill=ground)
    if scene.bars:
        for box, fill in zip(bar_boxes(scene), fills):
            draw.rectangle([v * side for v in box], fill=fill, outline=edge)


def _paint_text(draw, scene, side, fills):
    """Character by character, so that each can have its own number."""
    size, x, y = text_layout(scene)
    font = _font(scene.font, max(4, round(size * side)))
    for i, fill in enumerate(fills):
        draw.text((x * side + font.getlength(scene.text[:i]), y * side), scene.text[i], font=font, fill=fill)


def render(scene, rng=None, side=SIDE):
    """An RGB array [side, side, 3]. With rng: outlines, resampling, blur and noise as they may come."""
    scale = 2 if rng is None else int(rng.choice([1, 2, 2, 3]))
    small = rng is not None and rng.random() < 0.3  # as a little picture that had to be enlarged
    full, side = side, int(rng.integers(60, 80)) if small else side
    big = Image.new("RGB", (side * scale, side * scale), scene.ground)
    draw = ImageDraw.Draw(big)
    edge = None
    if rng is not None and rng.random() < 0.15:
        edge = (0, 0, 0) if scene.background != "black" else (255, 255, 255)
    if scene.text:
        _paint_text(draw, scene, side * scale, [scene.text_rgb] * len(scene.text))
    else:
        _paint(draw, scene, side * scale, [o.rgb for o in scene.things + scene.bars], scene.ground, edge)
    if scene.bars and (rng is None or rng.random() < 0.8):
        line = (235, 235, 235) if scene.background == "black" else (20, 20, 20)
        base = scene.bar_base * side * scale
        draw.line([0.03 * side * scale, base, 0.97 * side * scale, base], fill=line, width=scale)
    if scale > 1:
        kinds = [Image.BOX, Image.LANCZOS, Image.BICUBIC]
        big = big.resize((side, side), kinds[0] if rng is None else kinds[int(rng.integers(3))])
    if side != full:
        big = big.resize((full, full), Image.LANCZOS)
    pixels = np.asarray(big, dtype=np.float32)
    if rng is not None:
        if rng.random() < 0.3:
            pixels = pixels * rng.uniform(0.85, 1.1) + rng.uniform(-10, 10)
        amount = max(0.0, float(rng.uniform(-3, 6)))
        if amount:
            pixels = pixels + rng.standard_normal(pixels.shape, dtype=np.float32) * amount
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


# ---- dense labels: one row a patch; −1 is "do not ask" ----
KINDS = SHAPES + ["bar", "text", "nothing"]
LABELS = {"kind": len(KINDS), "color": len(COLORS), "background": len(BACKGROUNDS),
          "character": len(CHARACTERS), "index": 6, "zone": len(ZONES), "tallest": 2}


def dense_labels(scene):
    """{name: int64 [patches]} and the way to the object's middle, f32 [patches, 2], in patches · 2."""
    ids = Image.new("L", (SIDE, SIDE), 0)
    draw = ImageDraw.Draw(ids)
    count = len(scene.text) or len(scene.things) + len(scene.bars)
    if scene.text:
        _paint_text(draw, scene, SIDE, range(1, count + 1))
    else:
        _paint(draw, scene, SIDE, range(1, count + 1), 0)
    tiles = np.asarray(ids).reshape(GRID, PATCH, GRID, PATCH).transpose(0, 2, 1, 3).reshape(GRID * GRID, -1)
    cover = np.stack([(tiles == i).mean(1) for i in range(1, count + 1)], 1)  # [patches, objects]
    total, owner = cover.sum(1), cover.argmax(1)
    least = 0.06 if scene.text else 0.15
    clear = (total >= least) & (cover.max(1) >= 0.6 * total)
    out = {name: np.full(GRID * GRID, -1, np.int64) for name in LABELS}
    out["kind"][total == 0] = len(KINDS) - 1
    out["background"][:] = list(BACKGROUNDS).index(scene.background)
    offset = np.zeros((GRID * GRID, 2), np.float32)
    colors = list(COLORS)
    middle = (np.stack(np.meshgrid(np.arange(GRID), np.arange(GRID)), -1).reshape(-1, 2) + 0.5) / GRID
    for i in range(count):
        mine = clear & (owner == i)
        out["index"][mine] = i  # from the left: the order in which words are read and things are told
        if scene.text:
            out["kind"][mine] = KINDS.index("text")
            out["color"][mine] = colors.index(scene.text_color)
            out["character"][mine] = CHARACTERS.index(scene.text[i])
        elif scene.things:
            t = scene.things[i]
            out["kind"][mine] = SHAPES.index(t.shape)
            out["color"][mine] = colors.index(t.color)
            if t.zone():
                out["zone"][mine] = ZONES.index(t.zone())
        else:
            out["kind"][mine] = KINDS.index("bar")
            out["color"][mine] = colors.index(scene.bars[i].color)
            out["tallest"][mine] = scene.bars[i].height == max(b.height for b in scene.bars)
        if mine.any():
            whole = cover[:, i] > 0
            center = (middle[whole] * cover[whole, i : i + 1]).sum(0) / cover[whole, i].sum()
            offset[mine] = (center - middle[mine]) * GRID / 2
    return out, offset
