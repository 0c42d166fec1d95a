"""Draws the pictures of examples/ from a seed of their own and lists questions with right answers.
Only pictures whose questions the served model answers rightly are taken. A picture that is there stays, with
its questions, as long as the model answers them rightly.

    python make_examples.py --server http://127.0.0.1:8080 --to ../../examples
"""
from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from draw import encode, render
from evaluate import Server, normal
from questions import forms, questions
from world import number_of, sample_scene, shapes_of, word_of

SEED = "examples 1"
# file, shapes, what is written, long side, types asked (first those that show the picture's point)
PLAN = [
    ("red-circle.png", 1, "", 320, ["shape", "colour", "yesno"]),
    ("number.jpg", 0, "number", 360, ["number", "describe"]),
    ("shapes.png", 3, "", 480, ["count", "colour", "position"]),
    ("crowd.jpg", 5, "", 640, ["count", "countc", "position"]),
    ("wide.webp", 3, "", 400, ["describe", "position", "yesno"]),
    ("tall.webp", 3, "number", 420, ["number", "position", "count"]),
    ("mixed.jpg", 2, "number", 512, ["describe", "number", "position"]),
    ("small.png", 2, "", 120, ["count", "yesno", "describe"]),
    ("word.png", 2, "word", 400, ["word", "shape-of", "count-not"]),
    ("tiny.png", 1, "", 64, ["shape", "colour-alone", "not"]),
]
# Asked of every drawing of a picture, beside what is drawn by type.
ALWAYS = {"red-circle.png": [("any-shape", "Is there a circle?", "Yes."), ("this-shape", "Is this a circle?", "Yes."),
                             ("is-colour", "Is the shape red?", "Yes."), ("any-colour", "Is there a red shape?", "Yes."),
                             ("not", "Is the circle not red?", "No.")]}


def fits(scene: dict, name: str, shapes: int, text: str, long_side: int) -> bool:
    ratio = scene["w"] / scene["h"]
    found = shapes_of(scene)
    return (len(found) == shapes and (bool(number_of(scene)), bool(word_of(scene))) == (text == "number", text == "word")
            and 0.6 * long_side < max(scene["w"], scene["h"])
            and (not name.startswith("wide") or ratio > 1.6) and (not name.startswith("tall") or ratio < 0.65)
            and (not name.startswith("red") or (found[0]["colour"], found[0]["shape"]) == ("red", "circle"))
            and not (name.endswith("png") and "noise" in scene["bg"]))  # noise makes PNG files large


def right(model: Server, data: bytes, asked: list) -> bool:
    return all(normal(model.ask(data, q)) == normal(a) for _, q, a in asked)


def choose(model: Server, name: str, rng: random.Random, shapes: int, text: str, long_side: int, kinds: list[str]):
    fmt = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[name.rsplit(".", 1)[1]]
    while True:
        scene = sample_scene(rng, max_long=max(96, long_side))
        if max(scene["w"], scene["h"]) > long_side or not fits(scene, name, shapes, text, long_side):
            continue
        asked = questions(scene, rng, own_words=True)
        asked += [turn for turn in forms(scene, rng, False) if turn[1][-1] in "?." and not turn[1].isupper()]
        taken = []
        for kind in kinds:
            some = [(k, q[0].upper() + q[1:], a) for k, q, a in asked if k == kind]
            # a neighbour shows more than "Nothing."
            taken += sorted(some, key=lambda qa: qa[2] == "Nothing.")[:1]
        if len(taken) < len(kinds):
            continue
        data = encode(render(scene, rng), fmt, rng)
        if len(data) < 120_000 and right(model, data, taken + ALWAYS.get(name, [])):
            return data, taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    model = Server(args.server)
    listed = args.to / "examples.json"
    before: dict[str, list] = {}
    for row in json.loads(listed.read_text()) if listed.exists() else []:
        before.setdefault(row["image"], []).append((row["type"], row["question"], row["answer"]))
    rows, lines = [], []
    for name, *wanted in PLAN:
        always = ALWAYS.get(name, [])
        taken = [turn for turn in before.get(name, []) if turn not in always]
        if not taken or not right(model, (args.to / name).read_bytes(), taken + always):
            print(f"{name} is drawn" + (" anew: not all was answered rightly" if taken else ""))
            data, taken = choose(model, name, random.Random(f"{SEED} {name}"), *wanted)
            (args.to / name).write_bytes(data)
        taken = taken + always
        lines.append(f"\n`{name}`\n\n" + "\n".join(f"- {q} **{a}**" for _, q, a in taken))
        rows += [{"image": name, "type": kind, "question": q, "answer": a} for kind, q, a in taken]
    listed.write_text(json.dumps(rows, indent=1) + "\n")
    (args.to / "README.md").write_text(
        f"""# Example pictures

Pictures of the embedded model's world that its training never drew, with questions and right answers (also in
`examples.json`). An answer may begin with or without an article. They were drawn by
`tools/train/make_examples.py` (seed "{SEED}"), which takes only pictures whose questions the shipped model answers
rightly: they show what the program does and are no measure of the model, which its card gives.
"""
        + "\n".join(lines)
        + "\n\nAny picture of yours may be asked about too. Outside its world the embedded model answers in its own words,"
        "\nand guesses.\n"
    )
    print(f"{len(PLAN)} pictures, {len(rows)} questions")


if __name__ == "__main__":
    main()
