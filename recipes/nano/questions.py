"""What can be asked of a scene: `questions(scene, rng)` gives (kind, question, answer) triples."""

from scenes import COLORS, SHAPES, pick

ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth"]
UNKNOWN = "I can't tell."

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
    form = forms[0] if plain or rng.random() < 0.5 else pick(rng, forms)
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
    t = pick(rng, things)
    out.append(("exists", say("exists", article(t.name)), "yes"))
    out.append(("exists", say("exists", article(_absent(things, rng))), "no"))
    if rng.random() < 0.5:
        color = pick(rng, list(COLORS))
        out.append(("count_kind", say("count_color", color), str(sum(t.color == color for t in things))))
        shape = pick(rng, SHAPES)
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
            color, shape = pick(rng, things).color, pick(rng, things).shape
            if rng.random() < 0.4:
                color = pick(rng, list(COLORS))
        else:
            color, shape = pick(rng, list(COLORS)), pick(rng, SHAPES)
        if all((t.color, t.shape) != (color, shape) for t in things):
            return f"{color} {shape}"
    return "red nothing"  # cannot happen: 42 pairs, at most 4 objects


def _compare(a, b, rng, say):
    out = []
    yes = lambda truth: "yes" if truth else "no"
    dx, dy = b.x - a.x, b.y - a.y
    if abs(dx) > 0.08 and rng.random() < 0.6:
        word = pick(rng, ["left", "right"])
        out.append(("relation", say(word, a.name, b.name), yes((dx > 0) == (word == "left"))))
    if abs(dy) > 0.08 and rng.random() < 0.6:
        word = pick(rng, ["above", "below"])
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
    choices.append(say("color", pick(rng, [s for s in SHAPES if s not in shapes])))
    if scene.things:
        choices.append(say("shape", pick(rng, [c for c in COLORS if c not in colors])))
        choices.append(say("where", _absent(scene.things, rng)))
    if not scene.text:
        choices += [say("read"), say("text_color")]
    if not scene.bars:
        choices.append(say("bar_tallest"))
    return [("unknown", pick(rng, choices), UNKNOWN)]
