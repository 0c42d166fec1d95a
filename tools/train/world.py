"""The demo world: scenes of coloured shapes and one number, and questions about them.

Everything is in "units" in which the long side of a picture is 336, so that units equal pixels of
the 336 x 336 view that the model sees. `python world.py --check DIR` recomputes every answer of a
`qa.jsonl` from its scenes.
"""
from __future__ import annotations

import argparse
import json
import math
import re
from pathlib import Path

SHAPES = ["circle", "square", "triangle", "star"]
COLOURS = {
    "red": (220, 38, 38), "green": (38, 160, 60), "blue": (40, 80, 220), "yellow": (245, 215, 40),
    "purple": (140, 50, 170), "orange": (245, 135, 30), "black": (18, 18, 18), "white": (246, 246, 246),
}
COLOUR_NAMES = list(COLOURS)
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "above": (0, -1), "below": (0, 1)}
VIEW = 336.0
# Sideways offset over distance: an object counts below NEAR, an object in between makes the
# question ambiguous; so do two objects whose distances differ by less than a quarter.
NEAR, FAR, GAP = 0.77, 1.3, 0.75
DIGIT_ADVANCE = 0.636  # of the font size: DejaVu Sans, whose digits are the widest used here


# ---------------------------------------------------------------- scenes

def _overlaps(a: dict, b: dict, margin: float = 1.07) -> bool:
    dx, dy = abs(a["cx"] - b["cx"]), abs(a["cy"] - b["cy"])
    if dx < 12:  # the description orders objects by their centres: keep the order clear
        return True
    if a["kind"] == "shape" and b["kind"] == "shape":
        return math.hypot(dx, dy) < margin * (a["s"] + b["s"]) / 2
    if a["kind"] == "number" and b["kind"] == "number":
        return dx < a["hw"] + b["hw"] + 6 and dy < a["hh"] + b["hh"] + 4
    shape, number = (a, b) if a["kind"] == "shape" else (b, a)
    gap = math.hypot(max(0.0, dx - number["hw"]), max(0.0, dy - number["hh"]))
    return gap < margin * shape["s"] / 2


def _place(objs: list[dict], obj: dict, w: float, h: float, rng) -> bool:
    half_w = obj["hw"] if obj["kind"] == "number" else obj["s"] * 0.51
    half_h = obj["hh"] if obj["kind"] == "number" else obj["s"] * 0.51
    if 2 * half_w > w - 2 or 2 * half_h > h - 2:
        return False
    for _ in range(20):
        obj["cx"] = rng.uniform(half_w, w - half_w)
        obj["cy"] = rng.uniform(half_h, h - half_h)
        if not any(_overlaps(obj, other) for other in objs):
            objs.append(obj)
            return True
    return False


def _number(colour: str, rng, max_fs: float) -> dict:
    digits = rng.randint(1, 4)
    text = str(rng.randint(0, 9)) if digits == 1 else str(rng.randint(1, 9)) + "".join(
        str(rng.randint(0, 9)) for _ in range(digits - 1))
    fs = math.exp(rng.uniform(math.log(46), math.log(max_fs)))
    return {"kind": "number", "text": text, "fs": fs, "hw": len(text) * DIGIT_ADVANCE / 2 * fs,
            "hh": 0.37 * fs, "colour": colour}


def sample_scene(rng, crowded: bool = False, max_long: int = 800) -> dict:
    """A random scene. `crowded` draws up to nine objects with several numbers: denser lessons for
    the vision stage than the world itself gives."""
    aspect = 1.0 if rng.random() < 0.15 else math.exp(rng.uniform(-math.log(2), math.log(2)))
    if crowded:
        aspect = math.exp(rng.uniform(-0.5, 0.5))
    long_side = round(math.exp(rng.uniform(math.log(96), math.log(max_long))))
    w, h = (long_side, round(long_side / aspect)) if aspect >= 1 else (round(long_side * aspect), long_side)
    k = VIEW / max(w, h)
    scene = {"w": w, "h": h, "k": k, "W": w * k, "H": h * k, "dark": rng.random() < 0.45,
             "bg": rng.choice(["plain", "plain", "grad", "noise", "gradnoise"]), "objs": []}
    palette = [c for c in COLOUR_NAMES if c != ("black" if scene["dark"] else "white")]
    number_palette = palette
    if rng.random() < 0.35:
        palette = rng.sample(palette, rng.randint(1, 3))
    shapes = SHAPES if rng.random() < 0.75 else rng.sample(SHAPES, 2)
    if crowded:
        n_shapes, n_numbers = rng.choice([(3, 3), (2, 3), (4, 2), (5, 2), (1, 4), (6, 1), (8, 1), (7, 0), (0, 7), (1, 6)])
        n_numbers = n_numbers if n_shapes < 3 or rng.random() < 0.9 else 0
    else:
        n_shapes = rng.choices(range(6), [10, 18, 24, 24, 14, 10])[0]
        n_numbers = 1 if n_shapes == 0 or rng.random() < 0.45 else 0
        if n_shapes == 0 and rng.random() < 0.04:
            n_numbers = 0
    many = n_shapes + n_numbers
    max_s = 85 if crowded else {0: 200, 1: 200, 2: 160, 3: 120, 4: 105}.get(many, 90)
    for _ in range(n_numbers):  # numbers first: they are the hardest to fit
        _place(scene["objs"], _number(rng.choice(number_palette), rng, 130 if not crowded else 80 if n_numbers < 5 else 62),
               scene["W"], scene["H"], rng)
    for _ in range(n_shapes):
        s = math.exp(rng.uniform(math.log(42), math.log(max_s)))
        _place(scene["objs"], {"kind": "shape", "shape": rng.choice(shapes), "colour": rng.choice(palette),
                               "s": s, "rot": rng.uniform(-14, 14)}, scene["W"], scene["H"], rng)
    return scene


# ---------------------------------------------------------------- answers

def shapes_of(scene: dict) -> list[dict]:
    return [o for o in scene["objs"] if o["kind"] == "shape"]


def numbers_of(scene: dict) -> list[dict]:
    return [o for o in scene["objs"] if o["kind"] == "number"]


def number_of(scene: dict) -> dict | None:
    return next((o for o in scene["objs"] if o["kind"] == "number"), None)


def neighbour(scene: dict, subject: dict, direction: str) -> tuple[str, dict | None]:
    """("ok", object or None for nothing) or ("ambiguous", None)."""
    dx, dy = DIRECTIONS[direction]
    found = []
    for o in scene["objs"]:
        if o is subject:
            continue
        ahead = (o["cx"] - subject["cx"]) * dx + (o["cy"] - subject["cy"]) * dy
        aside = abs(o["cx"] - subject["cx"]) * abs(dy) + abs(o["cy"] - subject["cy"]) * abs(dx)
        if ahead <= 0 or aside > FAR * ahead:
            continue
        if aside >= NEAR * ahead:
            return "ambiguous", None
        found.append((ahead, o))
    found.sort(key=lambda item: item[0])
    if len(found) > 1 and found[0][0] > GAP * found[1][0]:
        return "ambiguous", None
    return "ok", found[0][1] if found else None


def article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def name(o: dict, with_article: bool = True) -> str:
    if o["kind"] == "number":
        return ("the " if with_article else "") + "number " + o["text"]
    plain = f"{o['colour']} {o['shape']}"
    return f"{article(plain)} {plain}" if with_article else plain


def sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def describe(scene: dict) -> str:
    names = [name(o) for o in sorted(scene["objs"], key=lambda o: o["cx"])]
    listed = "nothing" if not names else names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
    return sentence(f"{listed} on a {'dark' if scene['dark'] else 'light'} background")


def position_answer(scene: dict, subject: dict, direction: str, with_article: bool) -> str | None:
    state, o = neighbour(scene, subject, direction)
    if state != "ok":
        return None
    return "Nothing." if o is None else sentence(name(o, with_article))


# ---------------------------------------------------------------- check against a given qa.jsonl

def answer_from_scene(kind: str, q: str, scene: dict) -> str | None:
    """The right answer to a question in the wording of the demo world's qa.jsonl."""
    words = re.findall(r"[a-z]+", q.lower())
    shapes = shapes_of(scene)
    colour = next((w for w in words if w in COLOURS), None)
    shape = next((w for w in words if w in SHAPES), None)
    if kind == "shape":
        return sentence(shapes[0]["shape"])
    if kind == "colour":
        return sentence(next(o["colour"] for o in shapes if o["shape"] == shape))
    if kind == "count":
        return str(len(shapes))
    if kind == "countc":
        return str(sum(o["colour"] == colour for o in shapes))
    if kind == "yesno":
        return "Yes." if any(o["colour"] == colour and o["shape"] == shape for o in shapes) else "No."
    if kind == "number":
        number = number_of(scene)
        return number["text"] if number else "None."
    if kind == "describe":
        return describe(scene)
    subject = next(o for o in shapes if o["colour"] == colour and o["shape"] == shape)
    direction = next(d for d in DIRECTIONS if d in words)
    return position_answer(scene, subject, direction, with_article=True)


def check(folder: Path) -> int:
    wrong = total = 0
    for line in (folder / "qa.jsonl").read_text().splitlines():
        row = json.loads(line)
        for qa in row["qa"]:
            total += 1
            mine = answer_from_scene(qa["type"], qa["q"], row["scene"])
            if mine != qa["a"] and mine != qa["a"].rstrip("."):
                wrong += 1
                print(row["image"], qa, "recomputed:", mine)
    print(f"{total} answers recomputed, {wrong} differ")
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", type=Path, required=True, help="folder with qa.jsonl")
    raise SystemExit(1 if check(parser.parse_args().check) else 0)
