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
import string
from pathlib import Path

import fonts

SHAPES = ["circle", "square", "rectangle", "triangle", "star"]
# The colours that an object may be drawn in, before a little jitter: ours, and what the names mean in CSS.
COLOURS = {
    "red": [(220, 38, 38), (255, 0, 0)], "green": [(38, 160, 60), (0, 128, 0), (0, 210, 0)],
    "blue": [(40, 80, 220), (0, 0, 255)], "yellow": [(245, 215, 40), (255, 255, 0)],
    "purple": [(140, 50, 170), (128, 0, 128)], "orange": [(245, 135, 30), (255, 165, 0)],
    "black": [(18, 18, 18), (0, 0, 0)], "white": [(246, 246, 246), (255, 255, 255)],
    "grey": [(128, 128, 128), (145, 145, 145)], "teal": [(0, 128, 128), (25, 150, 150)],
    "brown": [(120, 72, 36), (139, 69, 19), (155, 55, 35)],
}
COLOUR_NAMES = list(COLOURS)
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "above": (0, -1), "below": (0, 1)}
# Printed words: capitals, two to five letters, every letter of the alphabet among them.
WORDS = """GO UP HI TV WC BUS CAR CAT DOG SUN SEA TEA ICE BAR ZOO EGG JAM KEY MAP OIL FOX STOP EXIT OPEN SALE TAXI CAFE PARK
BANK HOME FISH BIRD MOON SNOW MILK JAZZ PUSH PULL FREE QUIZ SHOP ROAD KING WIND HELLO WORLD HOTEL METRO WATER PIZZA MUSIC
LUNCH NIGHT TRAIN HOUSE APPLE BREAD QUIET JUICE VIDEO""".split()
VIEW = 336.0
# Sideways offset over distance: an object counts below NEAR, an object in between makes the
# question ambiguous; so do two objects whose distances differ by less than a quarter.
NEAR, FAR, GAP = 0.77, 1.3, 0.75
SMALL = 96  # pictures with a shorter long side show up to three shapes and nothing to read


# ---------------------------------------------------------------- scenes

def _overlaps(a: dict, b: dict, margin: float = 1.07) -> bool:
    dx, dy = abs(a["cx"] - b["cx"]), abs(a["cy"] - b["cy"])
    if dx < 12:  # the description orders objects by their centres: keep the order clear
        return True
    if a["kind"] == "shape" and b["kind"] == "shape":
        return math.hypot(dx, dy) < margin * (a["s"] + b["s"]) / 2
    if a["kind"] != "shape" and b["kind"] != "shape":
        return dx < a["hw"] + b["hw"] + 6 and dy < a["hh"] + b["hh"] + 4
    shape, text = (a, b) if a["kind"] == "shape" else (b, a)
    gap = math.hypot(max(0.0, dx - text["hw"]), max(0.0, dy - text["hh"]))
    return gap < margin * shape["s"] / 2


def _place(objs: list[dict], obj: dict, w: float, h: float, rng) -> bool:
    half_w = obj["s"] * 0.51 if obj["kind"] == "shape" else obj["hw"]
    half_h = obj["s"] * 0.51 if obj["kind"] == "shape" else obj["hh"]
    if 2 * half_w > w - 2 or 2 * half_h > h - 2:
        return False
    for _ in range(20):
        obj["cx"] = rng.uniform(half_w, w - half_w)
        obj["cy"] = rng.uniform(half_h, h - half_h)
        if not any(_overlaps(obj, other) for other in objs):
            objs.append(obj)
            return True
    return False


def _log_uniform(rng, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(max(low, high))))


def _digits(rng) -> str:
    count = rng.randint(1, 4)
    return str(rng.randint(0 if count == 1 else 1, 9)) + "".join(str(rng.randint(0, 9)) for _ in range(count - 1))


def _letters(rng, invented: float) -> str:
    if rng.random() >= invented:
        return rng.choice(WORDS)
    return "".join(rng.choice(string.ascii_uppercase) for _ in range(rng.randint(2, 5)))


def _text(kind: str, text: str, colour: str, rng, max_fs: float, w: float) -> dict:
    """A number or a word; `fs` is the font's size, `hw` and `hh` half its width and height."""
    font = fonts.choose(rng)
    em = fonts.width(font, text)
    fs = _log_uniform(rng, 46, min(max_fs, 0.95 * w / em))
    return {"kind": kind, "text": text, "font": font, "fs": fs, "hw": em / 2 * fs, "hh": 0.37 * fs, "colour": colour}


def _shape(shape: str, colour: str, rng, min_s: float, max_s: float) -> dict:
    """`s` is the diameter of the circle around it. Half of them stand upright, as most drawn ones do."""
    rot = rng.uniform(-14, 14) if rng.random() < 0.5 else 0.0
    o = {"kind": "shape", "shape": shape, "colour": colour, "s": _log_uniform(rng, min_s, max_s), "rot": rot}
    if shape == "rectangle":
        o |= {"s": _log_uniform(rng, 1.35 * min_s, 1.25 * max_s), "aspect": rng.uniform(1.6, 2.5),
              "rot": rot + (90 if rng.random() < 0.4 else 0)}
    if shape == "triangle":
        o["stretch"] = rng.uniform(0.85, 1.2)
    return o


# shapes, numbers and words of a crowded scene
CROWDS = [(3, 3), (2, 3), (4, 2), (5, 2), (1, 4), (6, 1), (8, 1), (7, 0), (0, 6), (1, 5)]


def sample_scene(rng, crowded: bool = False, max_long: int = 800, invented: float = 0.0, written: float = 0.4,
                 kinds: list[str] = SHAPES) -> dict:
    """A random scene, of these `kinds` of shapes. `crowded` draws up to nine objects with several numbers
    and words: denser lessons for the vision stage than the world itself gives. `invented`: the share of
    printed words that are random letters. `written`: the share of scenes with shapes in which there is
    something to read."""
    small = not crowded and rng.random() < 0.14
    aspect = 1.0 if rng.random() < 0.2 else math.exp(rng.uniform(-math.log(2), math.log(2)))
    if crowded:
        aspect = math.exp(rng.uniform(-0.5, 0.5))
    long_side = round(_log_uniform(rng, 48, SMALL) if small else _log_uniform(rng, SMALL, max_long))
    if small:
        aspect = min(1.4, max(1 / 1.4, aspect))
    w, h = (long_side, round(long_side / aspect)) if aspect >= 1 else (round(long_side * aspect), long_side)
    k = VIEW / max(w, h)
    scene = {"w": w, "h": h, "k": k, "W": w * k, "H": h * k, "dark": rng.random() < 0.45,
             "bg": rng.choice(["plain", "plain", "pure", "grad", "noise", "gradnoise"]), "objs": []}
    palette = [c for c in COLOUR_NAMES if c != ("black" if scene["dark"] else "white")]
    text_palette = palette
    if rng.random() < 0.35:
        palette = rng.sample(palette, rng.randint(1, 3))
    shapes = kinds if rng.random() < 0.75 else rng.sample(kinds, 2)
    if crowded:
        n_shapes, n_texts = rng.choice(CROWDS)
    elif small:
        n_shapes, n_texts = rng.choices([1, 2, 3], [5, 3, 1])[0], 0
    else:
        n_shapes = rng.choices(range(6), [9, 29, 20, 20, 12, 10])[0]
        n_texts = 1 if n_shapes == 0 or rng.random() < written else 0
        if n_shapes == 0 and rng.random() < 0.04:
            n_texts = 0
    many = n_shapes + n_texts
    max_s = 85 if crowded else {0: 300, 1: 300, 2: 165, 3: 120, 4: 105}.get(many, 90)
    for _ in range(n_texts):  # what is written first: it is the hardest to fit
        word = rng.random() < (0.6 if crowded else 0.5)
        text = _letters(rng, invented) if word else _digits(rng)
        _place(scene["objs"], _text("word" if word else "number", text, rng.choice(text_palette), rng,
                                    130 if not crowded else 80 if n_texts < 5 else 62, scene["W"]), scene["W"], scene["H"], rng)
    fits = 0.95 * min(scene["W"], scene["H"])
    for _ in range(n_shapes):
        s = _shape(rng.choice(shapes), rng.choice(palette), rng, min(fits, max(42, 11 * k)), min(fits, max_s))
        s["s"] = min(s["s"], fits)
        _place(scene["objs"], s, scene["W"], scene["H"], rng)
    return scene


# ---------------------------------------------------------------- answers

def shapes_of(scene: dict) -> list[dict]:
    return [o for o in scene["objs"] if o["kind"] == "shape"]


def numbers_of(scene: dict) -> list[dict]:
    return [o for o in scene["objs"] if o["kind"] == "number"]


def number_of(scene: dict) -> dict | None:
    return next((o for o in scene["objs"] if o["kind"] == "number"), None)


def word_of(scene: dict) -> dict | None:
    return next((o for o in scene["objs"] if o["kind"] == "word"), None)


def alone(scene: dict, o: dict, *keys: str) -> bool:
    """No other shape has the same values of `keys`."""
    return sum(all(p[k] == o[k] for k in keys) for p in shapes_of(scene)) == 1


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
    if o["kind"] != "shape":
        return ("the " if with_article else "") + o["kind"] + " " + o["text"]
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

def _yes(fact: bool) -> str:
    return "Yes." if fact else "No."


def answer_from_scene(kind: str, q: str, scene: dict) -> str | None:
    """The right answer to a question, worked out from its words and its type alone: apart from how
    questions.py comes by its answers, as a check on them."""
    q = re.split(r"[ \n]Answer ", q)[0]
    words = [{"gray": "grey"}.get(w, w) for w in re.findall(r"[a-z]+", q.lower())]
    shapes = shapes_of(scene)
    colour = next((w for w in words if w in COLOURS), None)
    shape = next((w.removesuffix("s") for w in words if w.removesuffix("s") in SHAPES), None)
    meant = [o for o in shapes if colour in (None, o["colour"]) and shape in (None, o["shape"])]
    named = [o for o in shapes if shape in (None, o["shape"])]
    if kind in ("yesno", "any-shape", "any-colour", "this-shape"):
        return _yes(bool(meant))
    if kind in ("no-shape", "no-colour"):
        return _yes(not meant)
    if kind in ("count", "countc", "counts", "count-both"):
        return str(len(meant))
    if kind == "count-not":
        return str(len(shapes) - len(meant))
    if kind in ("colour", "colour-alone"):
        return sentence(named[0]["colour"])
    if kind in ("shape", "shape-of"):
        return sentence(meant[0]["shape"])
    if kind == "is-colour":
        return _yes(named[0]["colour"] == colour)
    if kind == "not":
        return _yes(not any(o in meant for o in named) if colour else not meant)
    if kind == "number":
        return number_of(scene)["text"] if number_of(scene) else "None."
    if kind == "word":
        found = word_of(scene) or number_of(scene)
        return found["text"] if found else "Nothing."
    if kind == "written":
        return _yes(bool(word_of(scene) if "word" in words else number_of(scene) if "number" in words
                         else word_of(scene) or number_of(scene)))
    if kind == "describe":
        return describe(scene)
    subject = next(o for o in shapes if colour in (None, o["colour"]) and o["shape"] == shape)
    words += [{"over": "above", "under": "below"}.get(w, "") for w in words]
    direction = next(d for d in DIRECTIONS if d in words)
    return position_answer(scene, subject, direction, with_article=True)


def check(folder: Path) -> int:
    wrong = total = 0
    for line in (folder / "qa.jsonl").read_text().splitlines():
        row = json.loads(line)
        for qa in row["qa"]:
            total += 1
            mine = answer_from_scene(qa["type"], qa["q"], row["scene"])
            if mine is None or re.sub("^(an?|the) ", "", mine.lower()) != re.sub("^(an?|the) ", "", qa["a"].lower()):
                wrong += 1
                print(row["image"], qa, "recomputed:", mine)
    print(f"{total} answers recomputed, {wrong} differ")
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", type=Path, required=True, help="folder with qa.jsonl")
    raise SystemExit(1 if check(parser.parse_args().check) else 0)
