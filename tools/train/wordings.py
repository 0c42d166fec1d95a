"""How questions are worded. A wording may hold choices, "(a|b|)", which may stand within each other, and
these blanks: {c} a colour, {s} a shape, {a} the article of what follows it, {d} a direction.

`HELD_OUT` are wordings that training never draws, for the scores; a test holds that no wording of `ASKED`
can come out as one of them, and that their words are known from others."""
from __future__ import annotations

import itertools
import re

_CHOICE = re.compile(r"\(([^()]*)\)")


def expand(wording: str, rng) -> str:
    """One of the texts that a wording stands for."""
    while choice := _CHOICE.search(wording):
        wording = wording[:choice.start()] + rng.choice(choice[1].split("|")) + wording[choice.end():]
    return wording


def expansions(wording: str) -> set[str]:
    """All of them."""
    choice = _CHOICE.search(wording)
    if not choice:
        return {wording}
    return set(itertools.chain.from_iterable(
        expansions(wording[:choice.start()] + c + wording[choice.end():]) for c in choice[1].split("|")))


WHERE = "(||| in the (image|picture)| in this (image|picture)| here)"
IT = "(it|the (image|picture)|this (image|picture))"
SEE = "(Is there|Do you see|Can you see)"
COLOUR = "(color|colour)"

# The world's own wordings, as its first scores were taken.
WORLD = {
    "shape": ["What shape is this?", "What shape do you see?", "What is the shape of the object?",
              "Which shape is in the image?"],
    "colour": ["What is the color of the {s}?", "Which color does the {s} have?", "What color is the {s}?",
               "What colour is the {s}?"],
    "count": ["How many shapes are in the image?", "How many shapes are there?", "How many shapes do you see?",
              "Count the shapes."],
    "countc": ["How many {c} shapes are there?", "How many {c} shapes are in the image?", "Count the {c} shapes."],
    "counts": ["How many {s}s are there?", "How many {s}s are in the image?", "Count the {s}s."],
    "yesno": ["Is there {a} {c} {s}?", "Is there {a} {c} {s} in the image?", "Do you see {a} {c} {s}?"],
    "position": ["Which object is {d} the {c} {s}?", "What is {d} the {c} {s}?", "What do you see {d} the {c} {s}?"],
    "number": ["Which number is in the image?", "What number is written?", "Read the number.", "What number do you see?"],
    "describe": ["Describe the image.", "Describe this image.", "What is in this image?", "What do you see?"],
}

# All that training asks.
ASKED = {
    "shape": WORLD["shape"] + [
        "(Which|What) shape is (this|it|there|shown)?", "What shape is in the picture?", "Name the shape.",
        "What is the shape?",
        "What kind of shape is (this|it)?", "Which shape do you see?", "What shape is the object?", "Tell me the shape.",
        "What shape does it have?", "Which shape is shown (here|in the picture)?", "What is this shape?",
        "(What|Which) (figure|form) is (this|it)?", "What shape is visible?"],
    "colour": WORLD["colour"] + [
        f"(What|Which) {COLOUR} is the {{s}}?", f"(What|Which) {COLOUR} does the {{s}} have?",
        f"What is the {COLOUR} of the {{s}}?",
        f"(Tell me|Name) the {COLOUR} of the {{s}}.", f"(Which|What) {COLOUR} has the {{s}}?",
        f"The {{s}} has which {COLOUR}?",
        "(What|Which) color is the {s} in the picture?"],
    "colour-alone": [
        f"(What|Which) {COLOUR} is (it|this|the shape|this shape|the object)?", f"What is (the|its) {COLOUR}?",
        f"(What|Which) {COLOUR} do you see?", f"What is the {COLOUR} of (it|the shape|the object|this shape)?",
        f"(Tell me|Name) (the|its) {COLOUR}.", f"(What|Which) {COLOUR} does (it|the shape) have?",
        f"Which {COLOUR} has the shape?"],
    "shape-of": [
        "(Which|What) (shape|object) is {c}?", f"(Which|What) (shape|object) has the {COLOUR} {{c}}?", "What is {c}?",
        "What is the {c} (object|shape|one)?", "What shape is the {c} (object|one)?", "Which one is {c}?",
        "Name the {c} shape.",
        "What kind of shape is {c}?", "What is the shape of the {c} (object|thing)?", "What is the {c} thing?",
        "Which shape is {c} in the (image|picture)?"],
    "count": WORLD["count"] + [
        f"How many shapes (are there|do you see|can you see){WHERE}?",
        "How many shapes are (in this image|in the picture|shown|here)?",
        f"How many shapes does {IT} (show|contain|have)?", f"Count the shapes{WHERE}.", "Count all (the |)shapes."],
    "countc": WORLD["countc"] + [
        f"How many {{c}} shapes (are there|do you see|can you see){WHERE}?", "How many shapes are {c}?",
        "How many of the shapes are {c}?", f"How many {{c}} shapes does {IT} (show|contain|have)?",
        f"Count the {{c}} shapes{WHERE}."],
    "counts": WORLD["counts"] + [
        f"How many {{s}}s (are there|do you see|can you see){WHERE}?", f"How many {{s}}s does {IT} (show|contain|have)?",
        f"Count the {{s}}s{WHERE}.", "How many of the shapes are {s}s?",
        "How many {s}s can be seen?"],
    "count-both": [f"How many {{c}} {{s}}s (are there|do you see|can you see){WHERE}?", f"Count the {{c}} {{s}}s{WHERE}.",
                   f"How many {{c}} {{s}}s does {IT} (show|contain|have)?"],
    "count-not": ["How many shapes are not {c}?", "How many of the shapes are not {c}?",
                  "Count the shapes that are not {c}.",
                  "How many shapes are there that are not {c}?", "How many shapes are not {s}s?"],
    "yesno": WORLD["yesno"] + [
        f"{SEE} ({{a}}|any) {{c}} {{s}}{WHERE}?", f"Does {IT} (contain|show|have) {{a}} {{c}} {{s}}?",
        f"Are there any {{c}} {{s}}s{WHERE}?", "Is {a} {c} {s} (there|shown|in the picture)?", "Any {c} {s}s?",
        f"Is there a {{s}} that is {{c}}{WHERE}?", "Is one of the shapes {a} {c} {s}?", "Isn't there {a} {c} {s}?",
        f"Can you find {{a}} {{c}} {{s}}{WHERE}?", f"Does {IT} include {{a}} {{c}} {{s}}?", "Is {a} {c} {s} visible?"],
    "any-shape": [
        f"{SEE} (a|any) {{s}}{WHERE}?", f"Are there (any |){{s}}s{WHERE}?", f"Do you see any {{s}}s{WHERE}?",
        f"Does {IT} (contain|show|have) (a|any) {{s}}?", "Is a {s} (there|shown|in the (image|picture))?",
        f"Any {{s}}s{WHERE}?",
        "Is one of the shapes a {s}?", "Is any of the shapes a {s}?", "Is there a {s} anywhere?", "Isn't there a {s}?",
        "Is there at least one {s}?", "Is there a shape that is a {s}?", "Is a {s} visible?",
        f"Can you find a {{s}}{WHERE}?",
        f"Does {IT} include (a|any) {{s}}?", "There is a {s}, right?"],
    "any-colour": [
        f"{SEE} (anything|something) {{c}}{WHERE}?", f"{SEE} {{a}} {{c}} (shape|object){WHERE}?",
        f"Are there (any |){{c}} (shapes|objects){WHERE}?",
        f"Does {IT} (contain|show|have) (anything|something) {{c}}?",
        f"Does {IT} (contain|show|have) {{a}} {{c}} (shape|object)?",
        f"Is (anything|something) {{c}}{WHERE}?", f"Any {{c}} shapes{WHERE}?", "Is one of the shapes {c}?",
        "Is any (of the shapes|shape) {c}?",
        "Is there anything {c} in it?", "Is there a shape that is {c}?", "Isn't there anything {c}?",
        f"{SEE} {{a}} {{c}} thing{WHERE}?", f"Can you find (anything|something) {{c}}{WHERE}?",
        f"Does {IT} include (anything|something) {{c}}?",
        "Is anything {c} visible?"],
    "this-shape": [
        "Is (this|it|that) a {s}?", "Is (the|this) (shape|object) a {s}?", "Is (this|it|that) {a} {c} {s}?",
        "Is this shape {a} {c} {s}?",
        "Is what you see a {s}?", "Does this show a {s}?", "Isn't (this|it) a {s}?", "Is the shape here a {s}?",
        "This is a {s}, is it?"],
    "is-colour": [
        "Is (it|this|the shape|this shape|the object) {c}?", f"Is the {COLOUR} of the (shape|object) {{c}}?",
        "The shape is {c}, is it?",
        f"Is (its|the) {COLOUR} {{c}}?", f"Does the shape have the {COLOUR} {{c}}?", "Isn't the shape {c}?",
        "Is the {s} {c}?", f"Is the {COLOUR} of the {{s}} {{c}}?", f"Does the {{s}} have the {COLOUR} {{c}}?",
        "Isn't the {s} {c}?",
        "Is the {s} in the (image|picture) {c}?", "The {s} is {c}, is it?", "Is the {s} here {c}?"],
    "no-shape": [f"Is there no {{s}}{WHERE}?", f"Are there no {{s}}s{WHERE}?", f"Does {IT} (contain|show|have) no {{s}}?",
                 "Is no {s} (there|shown|in the picture)?", "Is none of the shapes a {s}?", "Is no {s} visible?",
                 f"Is {IT} without a {{s}}?"],
    "no-colour": [f"Is there nothing {{c}}{WHERE}?", f"Is nothing {{c}}{WHERE}?",
                  f"Are there no {{c}} (shapes|objects){WHERE}?",
                  f"Is there no {{c}} shape{WHERE}?", f"Does {IT} (contain|show|have) nothing {{c}}?",
                  "Is none of the shapes {c}?",
                  "Is no shape {c}?", f"Is {IT} without anything {{c}}?"],
    "not": ["Is the {s} not {c}?", "Is (it|this|the shape|this shape|the object) not {c}?",
            "Is (this|it|the shape|this shape) not a {s}?",
            "Is the {s} of another color than {c}?", "Is the {s} anything but {c}?", "Is it anything but a {s}?"],
    "position": WORLD["position"] + [
        "(What|Which) object is {d} the {c} {s}?", "Which object do you see {d} the {c} {s}?",
        "What can you see {d} the {c} {s}?",
        "What is there {d} the {c} {s}?", "(What|Which object) is {d} the {s}?", "What do you see {d} the {s}?"],
    "number": WORLD["number"] + [
        "What is the number?", "Which number do you see?", "(What|Which) number is in the (picture|image)?",
        "Which number is written?",
        "What number is (this|it|shown)?", "What number can you see?", "Tell me the number.",
        "What is the number in the picture?"],
    "word": [
        "What does it say?", f"What does {IT} say?", "What does the sign say?", f"What is written{WHERE}?",
        "(Read|Tell me) the (word|text).",
        "(What|Which) word is (this|it|written|shown)?", "(What|Which) word do you see?",
        "(What|Which) word is in the (image|picture)?",
        "What is the (word|text)?", "What does the (word|text) say?", "Read what is written.", "Read it.",
        "What can you read?", "What is printed here?", "What is the printed word?"],
    "written": [f"{SEE} (a word|a number|any text|any number){WHERE}?",
                f"Does {IT} (contain|show|have) (a word|a number|any text)?",
                "Is (anything|something) written (here|in the picture|there)?",
                "Is there anything to read?", "Is (a word|a number|any text) visible?"],
    "describe": WORLD["describe"] + [
        "Describe (the|this) picture.", f"What is in ({IT})?", "What can you see?", f"What does {IT} show?",
        "What is shown in this image?",
        "What is this?", "Tell me what you see.", "What do you see here?", "Describe what you see.",
        "What is (here|shown|there|it)?", "Describe it."],
}

HELD_OUT = {
    "shape": ["Tell me what shape this is.", "Name the shape you see.", "What shape can you see here?",
              "Which kind of shape is it?"],
    "colour": ["Tell me what color the {s} is.", "What color do you see the {s} has?", "Name the color the {s} has.",
               "The {s} is which color?"],
    "colour-alone": ["Tell me which color it is.", "What colour is shown?", "What color is that?",
                     "Name the color of this."],
    "shape-of": ["Tell me which shape is {c}.", "What kind of object is {c}?", "Which of the shapes is {c}?",
                 "What shape has {c} color?"],
    "count": ["Tell me how many shapes there are.", "How many shapes can be seen?", "Count what shapes you see.",
              "How many shapes in the picture?"],
    "countc": ["Tell me how many shapes are {c}.", "How many of the shapes have the color {c}?",
               "How many shapes have the color {c}?", "Count the shapes that are {c}."],
    "count-both": ["Tell me how many {c} {s}s there are.", "How many of the {s}s are {c}?", "How many {s}s are {c}?",
                   "Count the {s}s that are {c}."],
    "count-not": ["Tell me how many shapes are not {c}.", "How many are not {c}?",
                  "How many shapes do you see that are not {c}?"],
    "yesno": ["Does it have any {c} {s}s?", "Do you see any {c} {s}s here?", "Is there at least one {c} {s}?",
              "Is a {s} there that is {c}?"],
    "any-shape": ["Is there a {s} in it?", "Can you see any {s}s in this picture?", "Does it have at least one {s}?",
                  "Do you see a {s} anywhere?"],
    "any-colour": ["Can you see any {c} shapes?", "Is there at least one {c} shape?", "Do you see anything {c} anywhere?",
                   "Does this picture have any {c} objects?"],
    "this-shape": ["Is the shape you see a {s}?", "Is the shape in this picture a {s}?", "Is what is shown a {s}?",
                   "Is the object here a {s}?"],
    "is-colour": ["Is the {s} you see {c}?", "Is {c} the color of the {s}?", "Does the {s} have a {c} color?",
                  "Is the {s} {c} here?"],
    "no-shape": ["Do you see no {s} here?", "Is it a picture that has no {s}?", "Can you see no {s}s?",
                 "Are no {s}s shown?"],
    "no-colour": ["Do you see nothing {c}?", "Are no shapes {c}?", "Does it have no {c} shapes?",
                  "Can you see nothing that is {c}?"],
    "not": ["Is the {s} here not {c}?", "Is the color of the {s} not {c}?", "Is the {s} in this picture not {c}?",
            "Is the {s} not of {c} color?"],
    "number": ["Tell me what number you see.", "Read the number in the picture.", "What number does it show?",
               "Which number can you read?"],
    "word": ["Tell me what is written.", "Which word can you read?", "What is the word in the picture?",
             "Read the word you see.", "What text is written here?"],
    "written": ["Can you read a number here?", "Is a word written in it?", "Is there any text to read in the picture?"],
}

# direction words after "What is" may do without "to the"; after "Which object is" also "below" etc.
SIDES = {"left": ["to the left of", "to the left of", "left of", "on the left of"],
         "right": ["to the right of", "to the right of", "right of", "on the right of"],
         "above": ["above", "above", "above", "over"], "below": ["below", "below", "below", "under"]}
SIDES_WORLD = 3

OUTSIDE = "I know only shapes, colors, numbers and short words."
NO_PICTURE = "Please show me a picture with shapes or a number."
GREETING = "Hello. I answer questions about pictures of shapes and numbers."
OUTSIDE_QUESTIONS = [
    "What is the weather like?", "What is the weather?", "What is the capital of France?", "Who is the president?",
    "Tell me a joke.", "Write a poem.", "Write a story about a dog.", "What time is it?", "Who are you?", "Who made you?",
    "What is your name?", "How old are you?", "Is there a dog in the image?", "Is there a person?", "Who is in the picture?",
    "Where was this photo taken?", "What is the person doing?", "How many people are there?", "How many dogs are there?",
    "What animal is this?", "What is 2 + 2?", "Translate this to German.", "Summarize the text.",
    "Is it day or night?", "Is the cat happy?", "What brand is the car?", "Explain the chart.",
    "What is the title of the slide?",
    "Why is the sky blue?", "Can you help me?", "What do you think about music?", "How do I cook rice?", "Where am I?",
    "What food is on the table?", "Is there a car in the picture?", "What language is this?", "Do you like the picture?",
    "Write some code.", "Give me a summary.", "How far is the moon?", "What happened here?", "Is this picture real?",
]
GREETINGS = ["Hello", "Hi", "Hello!", "Hi!", "Hello there", "Good morning", "Good morning!", "Hey", "Hello, who are you?"]
SYSTEMS = ["You are a helpful assistant.", "Answer briefly.", "You answer questions about pictures.", "Be brief.",
           "You are a helpful assistant that answers questions about images."]


# What may follow a question and changes no answer; VQA is asked with the first as published.
SHORT = ["\nAnswer the question using a single word or phrase."] * 3 + [" Answer briefly.", " Answer with one word."]


def wear(q: str, rng) -> str:
    """People's typing: a polite word, lower case or capitals, no final mark."""
    u = rng.random()
    if u < 0.04 and q[-1] == ".":
        q = "Please " + q[0].lower() + q[1:]
    u = rng.random()
    q = q.lower() if u < 0.18 else q.upper() if u < 0.23 else q
    if q[-1] in "?." and rng.random() < 0.16:
        q = q[:-1]
    return q
