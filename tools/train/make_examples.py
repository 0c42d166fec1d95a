"""Draws the pictures of examples/ from a seed of their own and lists questions with right answers.
Only pictures whose questions the served model answers rightly are taken.

    python make_examples.py --server http://127.0.0.1:8080 --to ../../examples
"""
from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from draw import encode, render
from evaluate import Server, normal
from questions import questions
from world import number_of, sample_scene, shapes_of

SEED = "examples 1"
# file, shapes, with a number, long side, types asked (first those that show the picture's point)
PLAN = [
    ("red-circle.png", 1, False, 320, ["shape", "colour", "yesno"]),
    ("number.jpg", 0, True, 360, ["number", "describe"]),
    ("shapes.png", 3, False, 480, ["count", "colour", "position"]),
    ("crowd.jpg", 5, False, 640, ["count", "countc", "position"]),
    ("wide.webp", 3, False, 400, ["describe", "position", "yesno"]),
    ("tall.webp", 3, True, 420, ["number", "position", "count"]),
    ("mixed.jpg", 2, True, 512, ["describe", "number", "position"]),
    ("small.png", 2, False, 120, ["count", "yesno", "describe"]),
]


def fits(scene: dict, name: str, shapes: int, number: bool, long_side: int) -> bool:
    ratio = scene["w"] / scene["h"]
    found = shapes_of(scene)
    return (len(found) == shapes and bool(number_of(scene)) == number and 0.6 * long_side < max(scene["w"], scene["h"])
            and (not name.startswith("wide") or ratio > 1.6) and (not name.startswith("tall") or ratio < 0.65)
            and (not name.startswith("red") or (found[0]["colour"], found[0]["shape"]) == ("red", "circle"))
            and not (name.endswith("png") and "noise" in scene["bg"]))  # noise makes PNG files large


def choose(model: Server, name: str, rng: random.Random, shapes: int, number: bool, long_side: int, kinds: list[str]):
    fmt = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[name.rsplit(".", 1)[1]]
    while True:
        scene = sample_scene(rng, max_long=long_side)
        if not fits(scene, name, shapes, number, long_side):
            continue
        asked = questions(scene, rng, own_words=True)
        taken = []
        for kind in kinds:
            some = [qa for qa in asked if qa[0] == kind]
            # a neighbour shows more than "Nothing."
            taken += sorted(some, key=lambda qa: qa[2] == "Nothing.")[:1]
        if len(taken) < len(kinds):
            continue
        data = encode(render(scene, rng), fmt, rng)
        if len(data) < 120_000 and all(normal(model.ask(data, q)) == normal(a) for _, q, a in taken):
            return data, taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    model = Server(args.server)
    rows, lines = [], []
    for name, *wanted in PLAN:
        data, taken = choose(model, name, random.Random(f"{SEED} {name}"), *wanted)
        (args.to / name).write_bytes(data)
        lines.append(f"\n`{name}`\n\n" + "\n".join(f"- {q} **{a}**" for _, q, a in taken))
        rows += [{"image": name, "type": kind, "question": q, "answer": a} for kind, q, a in taken]
    (args.to / "examples.json").write_text(json.dumps(rows, indent=1) + "\n")
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
