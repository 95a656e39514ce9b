"""The same scenes drawn by somebody else: SVG with curves of its own, rendered by librsvg's rsvg-convert.

  python3 svg.py ../../docs/demo.png    the picture of `make demo`: a red cross, a pair never seen in training
"""

import math
import subprocess
import sys

from draw import bar_boxes, outline, text_layout
from scenes import COLORS, Scene, Thing

FAMILIES = ["DejaVu Sans", "DejaVu Sans Mono", "DejaVu Sans", "DejaVu Serif", "Liberation Sans", "Liberation Sans",
            "Liberation Mono", "Liberation Serif", "FreeMono", "FreeSans", "Liberation Sans Narrow"]
_REGULAR = {2, 5}


def _rgb(color):
    return "rgb(%d,%d,%d)" % tuple(color)


def _thing(t):
    turn = f'transform="rotate({math.degrees(t.turn):.2f} {t.x:.4f} {t.y:.4f})"'
    if t.shape == "circle":
        return f'<circle cx="{t.x}" cy="{t.y}" r="{t.radius}" fill="{_rgb(t.rgb)}"/>'
    if t.shape == "ring":
        return (f'<circle cx="{t.x}" cy="{t.y}" r="{0.775 * t.radius}" fill="none" stroke="{_rgb(t.rgb)}" '
                f'stroke-width="{0.45 * t.radius}"/>')
    if t.shape == "square":
        half = 0.84 * t.radius
        return (f'<rect x="{t.x - half}" y="{t.y - half}" width="{2 * half}" height="{2 * half}" '
                f'rx="{0.06 * t.radius}" fill="{_rgb(t.rgb)}" {turn}/>')
    if t.shape == "heart":
        r, x, y = t.radius, t.x, t.y
        return (f'<path d="M {x} {y + r} C {x - 1.9 * r} {y - 0.1 * r}, {x - 0.8 * r} {y - 1.5 * r}, {x} {y - 0.45 * r} '
                f'C {x + 0.8 * r} {y - 1.5 * r}, {x + 1.9 * r} {y - 0.1 * r}, {x} {y + r} Z" fill="{_rgb(t.rgb)}" {turn}/>')
    points = " ".join(f"{x:.4f},{y:.4f}" for x, y in outline(t))
    return f'<polygon points="{points}" fill="{_rgb(t.rgb)}"/>'


def document(scene, side):
    parts = [f'<rect width="1" height="1" fill="{_rgb(scene.ground)}"/>']
    parts += [_thing(t) for t in scene.things]
    if scene.bars:
        base = scene.bar_base
        for (left, top, right, bottom), bar in zip(bar_boxes(scene), scene.bars):
            parts.append(f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="{_rgb(bar.rgb)}"/>')
        line = "#ddd" if scene.background == "black" else "#222"
        parts.append(f'<line x1="0.03" x2="0.97" y1="{base}" y2="{base}" stroke="{line}" stroke-width="0.008"/>')
    body = f'<g transform="scale({side})">{"".join(parts)}</g>'
    if scene.text:
        size, x, y = text_layout(scene)
        weight = "normal" if scene.font in _REGULAR else "bold"
        body += (f'<text x="{x * side:.2f}" y="{(y + 0.93 * size) * side:.2f}" font-family="{FAMILIES[scene.font]}" '
                 f'font-weight="{weight}" font-size="{size * side:.2f}" fill="{_rgb(scene.text_rgb)}">{scene.text}</text>')
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{side}" height="{side}">{body}</svg>'


def render_to(path, scene, side=192):
    """Writes a PNG. Raises CalledProcessError where rsvg-convert fails."""
    subprocess.run(["rsvg-convert", "-o", path], input=document(scene, side).encode(), check=True)


def demo():
    thing = lambda shape, color, x, y, radius, turn: Thing(shape, color, x, y, radius, turn, COLORS[color])
    return Scene("white", (246, 246, 248), [thing("heart", "purple", 0.25, 0.28, 0.17, -0.1),
                                            thing("cross", "red", 0.42, 0.70, 0.22, 0.15),
                                            thing("star", "yellow", 0.76, 0.36, 0.19, 0.1)])


if __name__ == "__main__":
    render_to(sys.argv[1], demo(), 480)
