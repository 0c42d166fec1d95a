"""Questions and answers about a scene: the wordings of the demo world, some paraphrases, and turns
outside the world. Answers leave the article out where the question asks for one object, because a
model must otherwise choose "a" or "an" before it knows the object; the scoring ignores articles."""
from __future__ import annotations

from world import (COLOUR_NAMES, DIRECTIONS, SHAPES, article, describe, number_of, numbers_of, position_answer,
                   sentence, shapes_of)

# The first `WORLD[type]` templates are the world's own wording, the rest are paraphrases.
TEMPLATES = {
    "shape": ["What shape is this?", "What shape do you see?", "What is the shape of the object?",
              "Which shape is in the image?",
              "Which shape is this?", "What shape is it?", "What shape is in the picture?", "Name the shape.",
              "What kind of shape is this?", "Which shape do you see?"],
    "colour": ["What is the color of the {s}?", "Which color does the {s} have?", "What color is the {s}?",
               "What colour is the {s}?",
               "What is the colour of the {s}?", "Which colour does the {s} have?", "Which color is the {s}?",
               "Which colour is the {s}?", "What color does the {s} have?", "Tell me the color of the {s}.",
               "Name the colour of the {s}."],
    "count": ["How many shapes are in the image?", "How many shapes are there?", "How many shapes do you see?",
              "Count the shapes.",
              "How many shapes can you see?", "How many shapes are in the picture?", "How many shapes are in this image?",
              "Count the shapes in the image.", "How many shapes are shown?"],
    "countc": ["How many {c} shapes are there?", "How many {c} shapes are in the image?", "Count the {c} shapes.",
               "How many {c} shapes do you see?", "How many {c} shapes can you see?",
               "How many {c} shapes are in the picture?", "How many shapes are {c}?"],
    "counts": ["How many {s}s are there?", "How many {s}s are in the image?", "Count the {s}s.",
               "How many {s}s do you see?", "How many {s}s can you see?", "How many {s}s are in the picture?"],
    "yesno": ["Is there {a} {c} {s}?", "Is there {a} {c} {s} in the image?", "Do you see {a} {c} {s}?",
              "Is there {a} {c} {s} in the picture?", "Can you see {a} {c} {s}?",
              "Does the image show {a} {c} {s}?", "Do you see {a} {c} {s} in the image?"],
    "position": ["Which object is {d} the {c} {s}?", "What is {d} the {c} {s}?", "What do you see {d} the {c} {s}?",
                 "What object is {d} the {c} {s}?", "Which object do you see {d} the {c} {s}?",
                 "What can you see {d} the {c} {s}?"],
    "number": ["Which number is in the image?", "What number is written?", "Read the number.", "What number do you see?",
               "What is the number?", "Which number do you see?", "What number is in the picture?",
               "What number is in the image?", "Which number is written?", "What number is this?", "What number is shown?"],
    "describe": ["Describe the image.", "Describe this image.", "What is in this image?", "What do you see?",
                 "Describe the picture.", "Describe this picture.", "What is in the image?", "What is in this picture?",
                 "What can you see?", "What does the image show?", "What is shown in this image?"],
}
WORLD = {"shape": 4, "colour": 4, "count": 4, "countc": 3, "counts": 3, "yesno": 3, "position": 3, "number": 4, "describe": 4}
# direction words after "What is" may do without "to the"; after "Which object is" also "below" etc.
SIDES = {"left": ["to the left of", "to the left of", "left of", "on the left of"],
         "right": ["to the right of", "to the right of", "right of", "on the right of"],
         "above": ["above", "above", "above", "over"], "below": ["below", "below", "below", "under"]}
SIDES_WORLD = {"left": 3, "right": 3, "above": 3, "below": 3}

OUTSIDE = "I know only shapes, colors and numbers."
NO_PICTURE = "Please show me a picture with shapes or a number."
GREETING = "Hello. I answer questions about pictures of shapes and numbers."
OUTSIDE_QUESTIONS = [
    "What is the weather like?", "What is the weather?", "What is the capital of France?", "Who is the president?",
    "Tell me a joke.", "Write a poem.", "Write a story about a dog.", "What time is it?", "Who are you?", "Who made you?",
    "What is your name?", "How old are you?", "Is there a dog in the image?", "Is there a person?", "Who is in the picture?",
    "Where was this photo taken?", "What is the person doing?", "How many people are there?", "How many dogs are there?",
    "What animal is this?", "What is 2 + 2?", "Translate this to German.", "Summarize the text.", "What does the sign say?",
    "Is it day or night?", "Is the cat happy?", "What brand is the car?", "Explain the chart.", "What is the title of the slide?",
    "Why is the sky blue?", "Can you help me?", "What do you think about music?", "How do I cook rice?", "Where am I?",
    "What food is on the table?", "Is there a car in the picture?", "What language is this?", "Do you like the picture?",
    "Write some code.", "Give me a summary.", "How far is the moon?", "What happened here?", "Is this picture real?",
]
GREETINGS = ["Hello", "Hi", "Hello!", "Hi!", "Hello there", "Good morning", "Good morning!", "Hey", "Hello, who are you?"]
SYSTEMS = ["You are a helpful assistant.", "Answer briefly.", "You answer questions about pictures.", "Be brief.",
           "You are a helpful assistant that answers questions about images."]
_FILLER = "abcdefghijklmnopqrstuvwxyz"


def _fill(kind: str, rng, own_words: bool, **words: str) -> str:
    options = TEMPLATES[kind]
    template = rng.choice(options[:WORLD[kind]] if own_words else options)
    if words.get("d"):
        direction = words["d"]
        words["d"] = rng.choice(SIDES[direction][:3] if own_words else SIDES[direction])
    return template.format(**words)


def _yesno(scene: dict, rng) -> tuple[str, str, str]:
    """Colour, shape and answer; "No" mostly differs from what is there in one property."""
    shapes = shapes_of(scene)
    if shapes and rng.random() < 0.46:
        o = rng.choice(shapes)
        return o["colour"], o["shape"], "Yes."
    there = {(o["colour"], o["shape"]) for o in shapes}
    for _ in range(10):
        colour, shape = rng.choice(COLOUR_NAMES), rng.choice(SHAPES)
        u = rng.random()
        if shapes and u < 0.4:
            colour = rng.choice(shapes)["colour"]
        elif shapes and u < 0.7:
            shape = rng.choice(shapes)["shape"]
        elif shapes and u < 0.85:
            colour, shape = rng.choice(shapes)["colour"], rng.choice(shapes)["shape"]
        if (colour, shape) not in there:
            break
    return colour, shape, "Yes." if (colour, shape) in there else "No."


def questions(scene: dict, rng, own_words: bool = False, positions: int = 6) -> list[tuple[str, str, str]]:
    """(type, question, answer) of every type that the scene allows. `own_words` keeps to the
    world's wording and types, as its scores are taken."""
    out = []
    shapes, number = shapes_of(scene), number_of(scene)

    def add(kind: str, answer: str, **words: str) -> None:
        out.append((kind, _fill(kind, rng, own_words, **words), answer))

    if len(shapes) == 1 and not number:
        add("shape", sentence(shapes[0]["shape"]))
    once = [o for o in shapes if sum(p["shape"] == o["shape"] for p in shapes) == 1]
    for o in rng.sample(once, min(2, len(once))):
        add("colour", sentence(o["colour"]), s=o["shape"])
    add("count", str(len(shapes)))
    for i in range(2 if own_words else 3):
        colour = rng.choice(shapes)["colour"] if shapes and rng.random() < 0.6 else rng.choice(COLOUR_NAMES)
        add("countc", str(sum(o["colour"] == colour for o in shapes)), c=colour)
    if not own_words and rng.random() < 0.12:
        shape = rng.choice(shapes)["shape"] if shapes and rng.random() < 0.7 else rng.choice(SHAPES)
        add("counts", str(sum(o["shape"] == shape for o in shapes)), s=shape)
    for i in range(2 if own_words else 3):
        colour, shape, answer = _yesno(scene, rng)
        add("yesno", answer, a=article(colour), c=colour, s=shape)
    for subject, direction in _position_pairs(scene, rng)[:positions]:
        add("position", position_answer(scene, subject, direction, False), d=direction,
            c=subject["colour"], s=subject["shape"])
    if len(numbers_of(scene)) == 1 or not number and rng.random() < 0.2:
        add("number", number["text"] if number else "None.")
    if len(scene["objs"]) < 7:
        add("describe", describe(scene))
    if not own_words:
        if rng.random() < 0.06:
            out.append(("outside", rng.choice(OUTSIDE_QUESTIONS), OUTSIDE))
        out = [(kind, _wear(q, rng), a) for kind, q, a in out]
    return out


def _position_pairs(scene: dict, rng) -> list[tuple[dict, str]]:
    shapes = shapes_of(scene)
    unique = [o for o in shapes if sum(p["shape"] == o["shape"] and p["colour"] == o["colour"] for p in shapes) == 1]
    pairs = [(o, d) for o in unique for d in DIRECTIONS]
    rng.shuffle(pairs)
    answers = [(position_answer(scene, o, d, False), o, d) for o, d in pairs]
    some = [(o, d) for a, o, d in answers if a not in (None, "Nothing.")]
    none = [(o, d) for a, o, d in answers if a == "Nothing."]
    # About 38 % of the world's answers are "Nothing."; more of the others teach more.
    merged = []
    while some or none:
        merged.append((some if some and (not none or rng.random() < 0.68) else none).pop())
    return merged


def _wear(q: str, rng) -> str:
    """People's typing: lower case, no final mark, a polite word."""
    if rng.random() < 0.04:
        q = "Please " + q[0].lower() + q[1:] if q[-1] == "." else q
    if rng.random() < 0.12:
        q = q.lower()
    if rng.random() < 0.10:
        q = q[:-1]
    return q


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
        kind = rng.choice(list(TEMPLATES))
        q = _fill(kind, rng, False, a="a", c=rng.choice(COLOUR_NAMES), s=rng.choice(SHAPES), d=rng.choice(list(DIRECTIONS)))
    return _wear(q, rng), NO_PICTURE
