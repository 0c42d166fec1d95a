"""The world of the embedded model: every answer that it teaches follows from its scene, and what its
scores ask was never taught."""

import pathlib
import random
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/train"))

import questions
import wordings
import world


def plain(text):
    return re.sub(r"[^a-z{} ]", "", text.lower())


def words(text):
    return set(re.findall("[a-z]+", re.sub(r"\{\w\}", " ", text.lower())))


def texts(table):
    return {kind: set().union(*map(wordings.expansions, asked)) for kind, asked in table.items()}


TAUGHT, HELD_OUT = texts(wordings.ASKED), texts(wordings.HELD_OUT)


@pytest.fixture(scope="module")
def scenes():
    rng = random.Random(3)
    return [world.sample_scene(rng, crowded=i % 8 == 0) for i in range(400)]


def normal(answer):
    return re.sub("^(an?|the) ", "", answer.lower())


def test_answers_follow_from_the_scene(scenes):
    rng, seen = random.Random(4), set()
    for scene in scenes:
        asked = questions.questions(scene, rng) + questions.questions(scene, rng, own_words=True)
        for kind, question, answer in asked + questions.forms(scene, rng, True) + questions.forms(scene, rng, False):
            seen.add(kind)
            if kind != "outside":
                told = world.answer_from_scene(kind, question, scene)
                assert normal(told) == normal(answer), (kind, question, [world.name(o) for o in scene["objs"]])
    assert seen == set(wordings.ASKED) | {"outside"}


def test_the_check_finds_a_wrong_answer(scenes):
    red = {"kind": "shape", "shape": "circle", "colour": "red", "cx": 100, "cy": 100, "s": 50, "rot": 0}
    scene = scenes[0] | {"objs": [red]}
    for kind, question, answer in [("any-shape", "Is there a circle?", "Yes."), ("any-colour", "Is there a red shape?", "Yes."),
                                   ("this-shape", "Is this a circle?", "Yes."), ("is-colour", "Is the shape red?", "Yes."),
                                   ("not", "Is the circle not red?", "No."), ("no-colour", "Is there nothing red?", "No."),
                                   ("count-not", "How many shapes are not red?", "0"), ("this-shape", "Is it a star?", "No."),
                                   ("shape-of", "Which shape is red?", "Circle."), ("word", "What does it say?", "Nothing.")]:  # fmt: skip
        assert world.answer_from_scene(kind, question, scene) == answer, question


def test_what_is_held_out_is_not_taught():
    taught = {plain(t) for kind in TAUGHT.values() for t in kind}
    known = set().union(*(words(t) for t in taught))
    for kind, asked in HELD_OUT.items():
        assert kind in TAUGHT
        for text in asked:
            assert plain(text) not in taught, text
            assert words(text) <= known, (text, words(text) - known)


def test_a_wording_asks_one_thing():
    """Its choices all have the same blanks, and no text belongs to two types."""
    owner = {}
    for table in (wordings.ASKED, wordings.HELD_OUT):
        for kind, asked in table.items():
            for wording in asked:
                blanks = {frozenset(re.findall(r"\{([csd])\}", t)) for t in wordings.expansions(wording)}
                assert len(blanks) == 1, wording
                for text in wordings.expansions(wording):
                    assert owner.setdefault(plain(text), kind) == kind, text


def test_yes_and_no_are_balanced(scenes):
    rng, count = random.Random(5), {}
    for scene in scenes:
        for kind, _, answer in questions.questions(scene, rng):
            if answer in ("Yes.", "No."):
                count.setdefault(kind, []).append(answer == "Yes.")
    assert len(count) == 9
    for kind, yes in count.items():
        assert 0.25 < sum(yes) / len(yes) < 0.75, kind


def test_pictures_are_of_the_world(scenes):
    assert any(max(s["w"], s["h"]) < 64 for s in scenes) and any(max(s["w"], s["h"]) > 600 for s in scenes)
    assert {o["shape"] for s in scenes for o in world.shapes_of(s)} == set(world.SHAPES)
    assert {o["colour"] for s in scenes for o in s["objs"]} == set(world.COLOUR_NAMES)
    for scene in scenes:
        for o in scene["objs"]:
            half = o["s"] / 2 if o["kind"] == "shape" else o["hw"]
            assert half <= o["cx"] <= scene["W"] - half, o
            assert o["colour"] != ("black" if scene["dark"] else "white")
    assert all(2 <= len(w) <= 5 and w.isupper() for w in world.WORDS)
    assert {c for w in world.WORDS for c in w} == set("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def test_typing_changes_no_words():
    rng, seen = random.Random(6), set()
    for _ in range(300):
        worn = wordings.wear("Is there a circle?", rng)
        seen.add(worn)
        assert plain(worn) == "is there a circle"
    assert {"is there a circle?", "is there a circle", "IS THERE A CIRCLE?", "Is there a circle"} <= seen
