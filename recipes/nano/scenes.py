"""What a picture holds and what can be asked about it; nothing here draws.

A scene is a list of coloured shapes, a word, or a bar chart on a background, in units of the picture's
side (0 … 1). `questions(scene, rng)` gives (kind, question, answer) triples.
"""

from dataclasses import dataclass, field

COLORS = {
    "red": (220, 30, 35), "green": (30, 160, 60), "blue": (35, 75, 220),
    "yellow": (245, 220, 40), "purple": (135, 45, 175), "orange": (250, 135, 25),
}
BACKGROUNDS = {"white": (250, 250, 250), "black": (12, 12, 12), "gray": (128, 128, 128)}
SHAPES = ["circle", "square", "triangle", "star", "cross", "heart", "ring"]
CHARACTERS = "ABCDEFGHIJKLMNPQRSTUVWXYZ0123456789"  # no O: it is a 0
ZONES = ["center", "left", "right", "top", "bottom"]
ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth"]
UNKNOWN = "I can't tell."

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


def shade(rgb, rng, spread):
    return tuple(int(min(255, max(0, c + rng.integers(-spread, spread + 1)))) for c in rgb)


def _pick(rng, items):
    return items[int(rng.integers(len(items)))]


def _pair(rng, pairs):
    """A colour and a shape; pairs: "seen" in training, "unseen" or "all"."""
    while True:
        pair = _pick(rng, list(COLORS)), _pick(rng, SHAPES)
        if pairs == "all" or (pair in HELD_OUT_PAIRS) == (pairs == "unseen"):
            return pair


def sample(rng, level=1.0, pairs="seen", spread=24, fonts=(0,), kind=None):
    """A random scene. `level` 0 … 1 grows from one object or letter to the most."""
    background = _pick(rng, list(BACKGROUNDS))
    scene = Scene(background, shade(BACKGROUNDS[background], rng, 12))
    kind = kind or ["things", "things", "things", "text", "text", "bars"][int(rng.integers(6))]
    if kind == "things":
        _add_things(scene, rng, 1 + int(rng.integers(1 + round(3 * level))), pairs, spread)
    elif kind == "text":
        _add_text(scene, rng, level, spread, fonts)
    else:
        _add_bars(scene, rng, spread)
    return scene


def _add_things(scene, rng, count, pairs, spread):
    for i in range(count):
        color, shape = _pair(rng, pairs if i == 0 or pairs != "unseen" else "all")
        for _ in range(60):
            radius = float(rng.uniform(0.10, 0.27 if count < 3 else 0.2))
            x, y = rng.uniform(radius, 1 - radius, 2)
            if all((x - t.x) ** 2 + (y - t.y) ** 2 > (radius + t.radius + 0.02) ** 2 for t in scene.things):
                scene.things.append(Thing(shape, color, float(x), float(y), radius,
                                          float(rng.uniform(-0.25, 0.25)),
                                          shade(COLORS[color], rng, spread)))
                break
    scene.things.sort(key=lambda t: t.x)


def _add_text(scene, rng, level, spread, fonts):
    most = 1 + round(5 * level)
    length = 1 + int(rng.integers(most))
    fitting = [w for w in WORDS if len(w) == length]
    if fitting and rng.random() < 0.35:
        scene.text = _pick(rng, fitting)
    else:
        scene.text = "".join(_pick(rng, CHARACTERS) for _ in range(length))
    scene.text_color = _pick(rng, list(COLORS))
    scene.text_rgb = shade(COLORS[scene.text_color], rng, spread)
    scene.font = _pick(rng, fonts)
    widest = min(0.95, 0.3 * length)
    scene.text_width = float(rng.uniform(max(0.7 * widest, min(widest, 0.13 * length)), widest))
    half = scene.text_width / 2
    scene.text_place = (float(rng.uniform(half, 1 - half)), float(rng.uniform(0.25, 0.75)))


def _add_bars(scene, rng, spread):
    colors = list(COLORS)
    rng.shuffle(colors)
    for color in colors[: 2 + int(rng.integers(3))]:
        while True:
            height = float(rng.uniform(0.15, 0.88))
            if all(abs(height - b.height) > 0.07 for b in scene.bars):
                break
        scene.bars.append(Bar(color, height, shade(COLORS[color], rng, spread)))


# ---- words ----


def article(name):
    return ("an " if name[0] in "aeiou" else "a ") + name


def listed(items):
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


# The first wording of each kind is the plain one; the others are paraphrases.
PHRASES = {
    "color": ["What color is the {0}?", "What colour is the {0}?", "Which color has the {0}?",
              "Which colour has the {0}?", "Tell me the color of the {0}."],
    "shape": ["What shape is the {0} object?", "Which shape is {0}?", "What is the {0} thing?"],
    "where": ["Where is the {0}?", "In which part of the picture is the {0}?"],
    "exists": ["Is there {0}?", "Do you see {0}?", "Can you see {0}?"],
    "count": ["How many objects are there?", "How many things do you see?", "Count the objects."],
    "count_color": ["How many {0} objects are there?", "Count the {0} objects."],
    "count_shape": ["How many {0}s are there?", "Count the {0}s."],
    "left": ["Is the {0} left of the {1}?", "Is the {0} to the left of the {1}?"],
    "right": ["Is the {0} right of the {1}?", "Is the {0} to the right of the {1}?"],
    "above": ["Is the {0} above the {1}?"],
    "below": ["Is the {0} below the {1}?", "Is the {0} under the {1}?"],
    "larger": ["Is the {0} larger than the {1}?", "Is the {0} bigger than the {1}?"],
    "smaller": ["Is the {0} smaller than the {1}?"],
    "background": ["What color is the background?", "What colour is the background?"],
    "describe": ["Describe the picture.", "What do you see?", "What is in the picture?"],
    "read": ["What does the text say?", "Read the text.", "What is written here?"],
    "letter": ["What is the {0} character?", "Which character is the {0}?"],
    "text_len": ["How many characters are there?", "How long is the text?"],
    "text_color": ["What color is the text?", "What colour is the text?"],
    "bar_count": ["How many bars are there?", "Count the bars."],
    "bar_tallest": ["What color is the tallest bar?", "Which bar is the tallest?"],
    "bar_shortest": ["What color is the shortest bar?", "Which bar is the shortest?"],
    "bar_taller": ["Is the {0} bar taller than the {1} bar?", "Is the {0} bar higher than the {1} bar?"],
}


def ask(rng, phrase, *names, plain=False):
    forms = PHRASES[phrase]
    form = forms[0] if plain or rng.random() < 0.5 else _pick(rng, forms)
    return form.format(*names)


def questions(scene, rng, plain=False):
    """Everything that may be asked of a scene, in a random choice; `plain`: without paraphrases."""
    say = lambda phrase, *names: ask(rng, phrase, *names, plain=plain)
    out = [("background", say("background"), scene.background)]
    if scene.things:
        out += _about_things(scene.things, rng, say)
    elif scene.text:
        out += _about_text(scene, rng, say)
    else:
        out += _about_bars(scene.bars, rng, say)
    out += _unanswerable(scene, rng, say)
    return out


def _about_things(things, rng, say):
    names = [t.name for t in things]
    once = [t for t in things if names.count(t.name) == 1]
    out = [("count", say("count"), str(len(things))),
           ("describe", say("describe"), listed([article(n) for n in names]))]
    for t in things:
        if sum(o.shape == t.shape for o in things) == 1:
            out.append(("color", say("color", t.shape), t.color))
        if sum(o.color == t.color for o in things) == 1:
            out.append(("shape", say("shape", t.color), t.shape))
    for t in once:
        if t.zone():
            out.append(("where", say("where", t.name), t.zone()))
    t = _pick(rng, things)
    out.append(("exists", say("exists", article(t.name)), "yes"))
    out.append(("exists", say("exists", article(_absent(things, rng))), "no"))
    if rng.random() < 0.3:
        color = _pick(rng, list(COLORS))
        out.append(("count_kind", say("count_color", color), str(sum(t.color == color for t in things))))
        shape = _pick(rng, SHAPES)
        plural = "crosse" if shape == "cross" else shape
        out.append(("count_kind", say("count_shape", plural), str(sum(t.shape == shape for t in things))))
    if len(once) > 1:
        for _ in range(2):
            i, j = rng.permutation(len(once))[:2]
            out += _compare(once[i], once[j], rng, say)
    return out


def _absent(things, rng):
    """A colour and shape that are not there together; often both are there apart."""
    for _ in range(20):
        if rng.random() < 0.6:
            color, shape = _pick(rng, things).color, _pick(rng, things).shape
            if rng.random() < 0.4:
                color = _pick(rng, list(COLORS))
        else:
            color, shape = _pick(rng, list(COLORS)), _pick(rng, SHAPES)
        if all((t.color, t.shape) != (color, shape) for t in things):
            return f"{color} {shape}"
    return "red nothing"  # cannot happen: 42 pairs, at most 4 objects


def _compare(a, b, rng, say):
    out = []
    yes = lambda truth: "yes" if truth else "no"
    dx, dy = b.x - a.x, b.y - a.y
    if abs(dx) > 0.08 and rng.random() < 0.6:
        word = _pick(rng, ["left", "right"])
        out.append(("relation", say(word, a.name, b.name), yes((dx > 0) == (word == "left"))))
    if abs(dy) > 0.08 and rng.random() < 0.6:
        word = _pick(rng, ["above", "below"])
        out.append(("relation", say(word, a.name, b.name), yes((dy > 0) == (word == "above"))))
    if max(a.radius, b.radius) > 1.25 * min(a.radius, b.radius):
        word = "larger" if rng.random() < 0.75 else "smaller"
        out.append(("larger", say(word, a.name, b.name), yes((a.radius > b.radius) == (word == "larger"))))
    return out


def _about_text(scene, rng, say):
    out = [("read", say("read"), scene.text), ("describe_text", say("describe"), f"the text {scene.text}"),
           ("text_len", say("text_len"), str(len(scene.text))), ("text_color", say("text_color"), scene.text_color)]
    for i in rng.permutation(len(scene.text))[:2]:
        out.append(("letter", say("letter", ORDINALS[i]), scene.text[i]))
    return out


def _about_bars(bars, rng, say):
    heights = sorted(bars, key=lambda b: b.height)
    i, j = rng.permutation(len(bars))[:2]
    return [("bar_count", say("bar_count"), str(len(bars))),
            ("bar_tallest", say("bar_tallest"), heights[-1].color),
            ("bar_shortest", say("bar_shortest"), heights[0].color),
            ("bar_taller", say("bar_taller", bars[i].color, bars[j].color),
             "yes" if bars[i].height > bars[j].height else "no"),
            ("chart", say("describe"), "a bar chart with " + listed([b.color for b in bars]))]


def _unanswerable(scene, rng, say):
    """One question in some that has no answer in this picture."""
    if rng.random() > 0.5:
        return []
    choices = []
    shapes, colors = {t.shape for t in scene.things}, {t.color for t in scene.things}
    choices.append(say("color", _pick(rng, [s for s in SHAPES if s not in shapes])))
    if scene.things:
        choices.append(say("shape", _pick(rng, [c for c in COLORS if c not in colors])))
        choices.append(say("where", _absent(scene.things, rng)))
    if not scene.text:
        choices += [say("read"), say("text_color")]
    if not scene.bars:
        choices.append(say("bar_tallest"))
    return [("unknown", _pick(rng, choices), UNKNOWN)]
