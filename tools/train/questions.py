"""Questions and answers about a scene, of every type of wordings.py that it allows. Answers leave the
article out where the question asks for one object, because a model must otherwise choose "a" or "an"
before it knows the object; the scoring ignores articles."""
from __future__ import annotations

from wordings import (ASKED, GREETING, GREETINGS, HELD_OUT, NO_PICTURE, OUTSIDE, OUTSIDE_QUESTIONS, SHORT, SIDES, SIDES_WORLD, WORLD,
                      expand, wear)
from world import (COLOUR_NAMES, DIRECTIONS, SHAPES, alone, article, describe, neighbour, number_of, position_answer,
                   sentence, shapes_of, word_of)

_FILLER = "abcdefghijklmnopqrstuvwxyz"
Turn = tuple[str, str, str]  # type, question, answer


class Asker:
    """Puts a type's questions about one scene, worded as one of the tables of wordings.py has it."""

    def __init__(self, scene: dict, rng, table: dict[str, list[str]]):
        self.scene, self.rng, self.table = scene, rng, table
        self.shapes = shapes_of(scene)
        self.text = [o for o in scene["objs"] if o["kind"] != "shape"]
        self.turns: list[Turn] = []

    def put(self, kind: str, answer: str, c: str = "", s: str = "", d: str = "") -> None:
        """With a wording that has blanks for the words given and for no others, if there is one."""
        options = [w for w in self.table.get(kind, []) if ("{c}" in w) == bool(c) and ("{s}" in w) == bool(s)]
        if not options:
            return
        wording = expand(self.rng.choice(options), self.rng)
        if d:
            d = self.rng.choice(SIDES[d][:SIDES_WORLD] if self.table is WORLD else SIDES[d])
        if c == "grey" and self.table is not WORLD and self.rng.random() < 0.4:
            c = "gray"
        self.turns.append((kind, wording.format(a=article(c if "{a} {c}" in wording else s or "a"), c=c, s=s, d=d), answer))

    def yes(self, kind: str, fact: bool, **words: str) -> None:
        self.put(kind, "Yes." if fact else "No.", **words)

    # ------------------------------------------------------------ words of a question

    def colour(self, there: float) -> str:
        """A colour, of one of the shapes with this probability."""
        return self.rng.choice(self.shapes)["colour"] if self.shapes and self.rng.random() < there else self.rng.choice(COLOUR_NAMES)

    def shape(self, there: float) -> str:
        return self.rng.choice(self.shapes)["shape"] if self.shapes and self.rng.random() < there else self.rng.choice(SHAPES)

    def pair(self) -> tuple[str, str]:
        """Colour and shape; what is not there mostly differs from what is in one property."""
        rng, shapes = self.rng, self.shapes
        if shapes and rng.random() < 0.46:
            o = rng.choice(shapes)
            return o["colour"], o["shape"]
        for _ in range(10):
            colour, shape = rng.choice(COLOUR_NAMES), rng.choice(SHAPES)
            u = rng.random()
            if shapes and u < 0.4:
                colour = rng.choice(shapes)["colour"]
            elif shapes and u < 0.7:
                shape = rng.choice(shapes)["shape"]
            elif shapes and u < 0.85:
                colour, shape = rng.choice(shapes)["colour"], rng.choice(shapes)["shape"]
            if not self.has(colour, shape):
                break
        return colour, shape

    def has(self, colour: str | None = None, shape: str | None = None) -> bool:
        return any(colour in (None, o["colour"]) and shape in (None, o["shape"]) for o in self.shapes)

    def count(self, colour: str | None = None, shape: str | None = None) -> str:
        return str(sum(colour in (None, o["colour"]) and shape in (None, o["shape"]) for o in self.shapes))

    # ------------------------------------------------------------ types

    def names(self) -> None:
        """What the one shape is, its colour, and shapes by their colour."""
        rng = self.rng
        if len(self.shapes) == 1:
            o = self.shapes[0]
            if not self.text:
                self.put("shape", sentence(o["shape"]))
                self.put("colour-alone", sentence(o["colour"]))
        once = [o for o in self.shapes if alone(self.scene, o, "shape")]
        for o in rng.sample(once, min(2, len(once))):
            self.put("colour", sentence(o["colour"]), s=o["shape"])
        once = [o for o in self.shapes if alone(self.scene, o, "colour") and all(t["colour"] != o["colour"] for t in self.text)]
        for o in rng.sample(once, min(2, len(once))):
            self.put("shape-of", sentence(o["shape"]), c=o["colour"])

    def counts(self) -> None:
        self.put("count", self.count())
        for _ in range(2):
            c = self.colour(0.6)
            self.put("countc", self.count(c), c=c)
        s = self.shape(0.7)
        self.put("counts", self.count(shape=s), s=s)
        c, s = self.pair()
        self.put("count-both", self.count(c, s), c=c, s=s)
        if self.shapes and self.rng.random() < 0.8:
            c = self.colour(0.8)
            self.put("count-not", str(len(self.shapes) - int(self.count(c))), c=c)
        elif self.shapes:
            s = self.shape(0.8)
            self.put("count-not", str(len(self.shapes) - int(self.count(shape=s))), s=s)

    def exists(self) -> None:
        """Is there such a thing? A number or word of the colour makes "anything red" ambiguous."""
        for _ in range(2):
            c, s = self.pair()
            self.yes("yesno", self.has(c, s), c=c, s=s)
        for kind, wanted in (("any-shape", True), ("no-shape", False)):
            s = self.shape(0.4)
            self.yes(kind, self.has(shape=s) == wanted, s=s)
        for kind, wanted in (("any-colour", True), ("no-colour", False)):
            c = self.colour(0.45)
            if all(t["colour"] != c for t in self.text) or self.has(c):
                self.yes(kind, self.has(c) == wanted, c=c)

    def properties(self) -> None:
        """Is this a circle? Is the circle red? Is it not red?"""
        rng = self.rng
        if len(self.shapes) == 1 and not self.text:
            o = self.shapes[0]
            if rng.random() < 0.7:
                s = self.shape(0.35)
                self.yes("this-shape", s == o["shape"], s=s)
            else:
                c, s = self.pair()
                self.yes("this-shape", (c, s) == (o["colour"], o["shape"]), c=c, s=s)
            s = self.shape(0.4)
            self.yes("not", s != o["shape"], s=s)
        once = [o for o in self.shapes if alone(self.scene, o, "shape")]
        if not once:
            return
        o = rng.choice(once)
        for kind, wanted in (("is-colour", True), ("not", False)):
            others = [p["colour"] for p in self.shapes if p["colour"] != o["colour"]] if rng.random() < 0.4 else []
            c = o["colour"] if rng.random() < 0.42 else rng.choice(others or COLOUR_NAMES)
            single = len(self.shapes) == 1 and not self.text and rng.random() < 0.6
            self.yes(kind, (c == o["colour"]) == wanted, c=c, s="" if single else o["shape"])

    def positions(self, most: int) -> None:
        for o, d in self._position_pairs()[:most]:
            answer = position_answer(self.scene, o, d, False)
            by_shape = self.table is ASKED and alone(self.scene, o, "shape") and self.rng.random() < 0.3
            self.put("position", answer, d=d, c="" if by_shape else o["colour"], s=o["shape"])

    def _position_pairs(self) -> list[tuple[dict, str]]:
        pairs = [(o, d) for o in self.shapes if alone(self.scene, o, "shape", "colour") for d in DIRECTIONS]
        self.rng.shuffle(pairs)
        states = [(neighbour(self.scene, o, d), o, d) for o, d in pairs]
        some = [(o, d) for (state, other), o, d in states if state == "ok" and other]
        none = [(o, d) for (state, other), o, d in states if state == "ok" and not other]
        # About 38 % of the world's answers are "Nothing."; more of the others teach more.
        merged = []
        while some or none:
            merged.append((some if some and (not none or self.rng.random() < 0.68) else none).pop())
        return merged

    def reading(self) -> None:
        number, word = number_of(self.scene), word_of(self.scene)
        if len(self.text) <= 1:
            if number or self.rng.random() < 0.15:
                self.put("number", number["text"] if number else "None.")
            if word or self.rng.random() < 0.15:
                self.put("word", word["text"] if word else number["text"] if number else "Nothing.")
        if self.rng.random() < 0.6:
            self._written(number, word)

    def _written(self, number: dict | None, word: dict | None) -> None:
        self.yes("written", True)
        if not self.turns or self.turns[-1][0] != "written":
            return
        kind, q, _ = self.turns.pop()
        fact = word if "word" in q else number if "number" in q else word or number
        self.turns.append((kind, q, "Yes." if fact else "No."))


def questions(scene: dict, rng, own_words: bool = False, positions: int = 6) -> list[Turn]:
    """Questions of every type that the scene allows. `own_words` keeps to the world's wordings and
    types, as its scores are taken; otherwise they come as people type them."""
    ask = Asker(scene, rng, WORLD if own_words else ASKED)
    ask.names()
    ask.counts()
    ask.exists()
    if not own_words:
        ask.properties()
    ask.positions(positions if own_words else min(positions, 3 * len(scene["objs"]) - 2))
    if own_words:
        number = number_of(scene)
        if number or not word_of(scene) and rng.random() < 0.2:
            ask.put("number", number["text"] if number else "None.")
        ask.turns = [t for t in ask.turns if t[0] != "counts"]
    else:
        ask.reading()
    if len(scene["objs"]) < 7:
        ask.put("describe", describe(scene))
    if own_words:
        return ask.turns
    turns = ask.turns
    if rng.random() < 0.06:
        turns.append(("outside", rng.choice(OUTSIDE_QUESTIONS), OUTSIDE))
    return [(kind, wear(q, rng) + (rng.choice(SHORT) if kind != "describe" and rng.random() < 0.1 else ""), a) for kind, q, a in turns]


def forms(scene: dict, rng, held_out: bool) -> list[Turn]:
    """At most one question of each type in other words than the world's: `held_out`, those that training
    never draws, or else those that it does."""
    ask = Asker(scene, rng, HELD_OUT if held_out else {k: [w for w in ws if w not in WORLD.get(k, [])] for k, ws in ASKED.items()})
    for part in (ask.names, ask.counts, ask.exists, ask.properties, ask.reading):
        part()
    rng.shuffle(ask.turns)
    kept = {kind: (kind, wear(q, rng), a) for kind, q, a in ask.turns}
    return [kept[k] for k in HELD_OUT if k in kept]


def text_turn(rng) -> tuple[str, str]:
    """A turn without any picture."""
    u = rng.random()
    if u < 0.25:
        return rng.choice(GREETINGS), GREETING
    if u < 0.6:
        q = rng.choice(OUTSIDE_QUESTIONS)
    elif u < 0.75:  # unknown words: letters that only the byte-level rest of the vocabulary covers
        q = " ".join("".join(rng.choice(_FILLER) for _ in range(rng.randint(2, 7))) for _ in range(rng.randint(1, 6)))
    else:
        wording = expand(rng.choice(ASKED[rng.choice(list(ASKED))]), rng)
        q = wording.format(a="a", c=rng.choice(COLOUR_NAMES), s=rng.choice(SHAPES), d=rng.choice(SIDES[rng.choice(list(SIDES))]))
    return wear(q, rng), NO_PICTURE
