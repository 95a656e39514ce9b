"""What a picture holds; nothing here draws or asks.

A scene is a list of coloured shapes, a word, or a bar chart on a background, in units of the picture's
side (0 … 1). What two generators might draw differently (sizes, proportions, places, shades) varies widely.
"""

import colorsys
from dataclasses import dataclass, field

COLORS = {
    "red": (220, 30, 35), "green": (30, 160, 60), "blue": (35, 75, 220),
    "yellow": (245, 220, 40), "purple": (135, 45, 175), "orange": (250, 135, 25),
}
BACKGROUNDS = {"white": (232, 253), "black": (2, 32), "gray": (98, 172)}  # the range of their brightness
SHAPES = ["circle", "square", "triangle", "star", "cross", "heart", "ring"]
CHARACTERS = "ABCDEFGHIJKLMNPQRSTUVWXYZ0123456789"  # no O: it is a 0
ZONES = ["center", "left", "right", "top", "bottom"]

# Never seen in training: what a model says of them it has put together itself.
HELD_OUT_PAIRS = {("red", "cross"), ("blue", "star"), ("green", "triangle"), ("yellow", "heart"),
                  ("purple", "square"), ("orange", "circle")}

WORDS = """CAT PIG SUN MAP BUS CAR CUP HAT KEY PEN RED SEA TEA TREE FISH BIRD HAND LAMP MILK RAIN
SALT SHIP STAR WIND BREAD CHAIR DRINK EARTH FRUIT GRASS HEART LIGHT MUSIC NIGHT PAPER QUEEN RIVER
TABLE WATER YEAST BASKET BRIDGE CAMERA DANGER ENGINE FAMILY GARDEN ISLAND JACKET KITTEN LETTER
MARKET PENCIL SCHEME SUMMER TICKET WINTER EXIT HELP GATE LIFT PUSH PULL STAIRS""".split()
WORDS = [word for word in WORDS if "O" not in word]


@dataclass
class Thing:
    shape: str
    color: str
    x: float
    y: float
    radius: float
    turn: float  # radians
    rgb: tuple
    form: float = 0.5  # 0 … 1: how slim a star, how thick a cross, how high a triangle

    @property
    def name(self):
        return f"{self.color} {self.shape}"

    def zone(self):
        """Where it lies, or None where two people might disagree."""
        dx, dy = self.x - 0.5, self.y - 0.5
        far, near = max(abs(dx), abs(dy)), min(abs(dx), abs(dy))
        if far < 0.11:
            return "center"
        if far < 0.16 or near > 0.75 * far:
            return None
        return ("left" if dx < 0 else "right") if abs(dx) > abs(dy) else ("top" if dy < 0 else "bottom")


@dataclass
class Bar:
    color: str
    height: float
    rgb: tuple


@dataclass
class Scene:
    background: str
    ground: tuple
    things: list = field(default_factory=list)
    text: str = ""
    text_color: str = ""
    text_rgb: tuple = ()
    font: int = 0
    text_place: tuple = (0.5, 0.5)  # of its middle
    text_width: float = 0.8
    bars: list = field(default_factory=list)
    bar_share: float = 0.64  # of a bar's slot that it fills
    bar_base: float = 0.94  # height of the line that bars stand on


def near(rgb, rng, most):
    """A colour at most `most` away from `rgb` in each channel."""
    return tuple(int(min(255, max(0, c + rng.integers(-most, most + 1)))) for c in rgb)


NARROW, WIDE = 24, 36  # how far a shade's channels lie from its colour's middle


def clear(color, rgb):
    """Whether two people would agree on the name: by hue the colour's middle is clearly the nearest one."""
    hue = lambda c: colorsys.rgb_to_hsv(*(v / 255 for v in c))[0]
    away = {name: abs((hue(rgb) - hue(middle) + 0.5) % 1 - 0.5) for name, middle in COLORS.items()}
    return all(away[color] < 0.75 * away[name] for name in COLORS if name != color)


def shade(color, rng, seen=True):
    """A shade of the colour. Of those seen in training one channel at least is within NARROW of the middle; of
    the unseen ones every channel is further off, up to WIDE."""
    while True:
        rgb = _seen_shade(COLORS[color], rng) if seen else _unseen_shade(COLORS[color], rng)
        if clear(color, rgb):
            return rgb


def _seen_shade(middle, rng):
    narrow = near(middle, rng, NARROW)
    if rng.random() < 0.5:
        return narrow
    wide, kept = near(middle, rng, WIDE), int(rng.integers(3))
    return tuple(n if i == kept else w for i, (w, n) in enumerate(zip(wide, narrow)))


def _unseen_shade(middle, rng):
    off = [int(rng.integers(NARROW + 1, WIDE + 1)) for _ in middle]
    signs = [int(rng.choice([sign for sign in (-1, 1) if 0 <= c + sign * o <= 255])) for c, o in zip(middle, off)]
    return tuple(c + sign * o for c, sign, o in zip(middle, signs, off))


def pick(rng, items):
    return items[int(rng.integers(len(items)))]


def _pair(rng, pairs):
    """A colour and a shape; pairs: "seen" in training, "unseen" or "all"."""
    while True:
        pair = pick(rng, list(COLORS)), pick(rng, SHAPES)
        if pairs == "all" or (pair in HELD_OUT_PAIRS) == (pairs == "unseen"):
            return pair


def sample(rng, level=1.0, pairs="seen", shades="seen", fonts=(0,), kind=None):
    """A random scene. `level` 0 … 1 grows from one object or letter to the most."""
    background = pick(rng, list(BACKGROUNDS))
    level_of_gray = int(rng.integers(*BACKGROUNDS[background]))
    scene = Scene(background, near((level_of_gray,) * 3, rng, 10))
    seen = shades == "seen"
    kind = kind or ["things", "things", "things", "text", "text", "bars"][int(rng.integers(6))]
    if kind == "things":
        _add_things(scene, rng, 1 + int(rng.integers(1 + round(3 * level))), pairs, seen)
    elif kind == "text":
        _add_text(scene, rng, level, seen, fonts)
    else:
        _add_bars(scene, rng, seen)
    return scene


def _add_things(scene, rng, count, pairs, seen):
    for i in range(count):
        color, shape = _pair(rng, pairs if i == 0 or pairs != "unseen" else "all")
        for _ in range(60):
            radius = float(rng.uniform(0.10, 0.28 if count < 3 or rng.random() < 0.3 else 0.2))
            x, y = rng.uniform(radius, 1 - radius, 2)
            apart = all((x - t.x) ** 2 + (y - t.y) ** 2 > (radius + t.radius + 0.02) ** 2 for t in scene.things)
            if apart and all(abs(x - t.x) > 0.03 for t in scene.things):  # "from left to right" must be clear
                scene.things.append(Thing(shape, color, float(x), float(y), radius, float(rng.uniform(-0.3, 0.3)),
                                          shade(color, rng, seen), float(rng.random())))
                break
    scene.things.sort(key=lambda t: t.x)


def _add_text(scene, rng, level, seen, fonts):
    most = 1 + round(5 * level)
    length = 1 + int(rng.integers(most))
    fitting = [w for w in WORDS if len(w) == length]
    if fitting and rng.random() < 0.35:
        scene.text = pick(rng, fitting)
    else:
        scene.text = "".join(pick(rng, CHARACTERS) for _ in range(length))
    scene.text_color = pick(rng, list(COLORS))
    scene.text_rgb = shade(scene.text_color, rng, seen)
    scene.font = pick(rng, fonts)
    scene.text_width = min(0.95, float(rng.uniform(0.14, 0.3)) * length)
    half = scene.text_width / 2
    scene.text_place = (float(rng.uniform(half, 1 - half)), float(rng.uniform(0.15, 0.85)))


def _add_bars(scene, rng, seen):
    scene.bar_share, scene.bar_base = float(rng.uniform(0.5, 0.85)), float(rng.uniform(0.88, 0.97))
    colors = list(COLORS)
    rng.shuffle(colors)
    for color in colors[: 2 + int(rng.integers(3))]:
        while True:
            height = float(rng.uniform(0.12, scene.bar_base - 0.05))
            if all(abs(height - b.height) > 0.07 for b in scene.bars):
                break
        scene.bars.append(Bar(color, height, shade(color, rng, seen)))
