"""The embedded model is asked in other words, about small pictures, rectangles, colours and printed words. Pictures
and questions are drawn here; tools/train has nothing of them."""

import io
import random

import pytest
from PIL import Image, ImageDraw, ImageFont

from conftest import ROOT, data_uri, text_part, user

COLOURS = {"red": (215, 35, 40), "green": (35, 150, 55), "blue": (35, 75, 215), "yellow": (240, 215, 40),
           "purple": (135, 45, 165), "orange": (240, 130, 25), "brown": (120, 75, 40), "grey": (130, 130, 130)}  # fmt: skip
SHAPES = ["circle", "square", "triangle", "rectangle"]
# Of examples/red-circle.png.
ANSWERS = {
    "yes": ["Is there a circle?", "Is this a circle?", "Is the shape red?", "Is there a red shape?", "Is there anything red?",
            "Does it contain a circle?", "Does the picture contain anything red?", "Is the circle red?", "is there a circle",
            "IS THERE A CIRCLE?", "Is there no square?", "Is the circle not blue?", "Is there nothing green?"],
    "no": ["Is there a square?", "Is this a triangle?", "Is the shape blue?", "Is there a green shape?",
           "Is there anything blue?", "Does it contain a star?", "Is the circle blue?", "is this a rectangle",
           "Is there no circle?", "Is the circle not red?", "Is there nothing red?"],
    "red": ["Which colour has the circle?", "What colour is it?", "which color is the shape"],
    "circle": ["What shape is this?", "Which shape is red?", "what shape"],
    "1": ["How many shapes are there?", "how many circles are there"],
}  # fmt: skip


def part(picture):
    """A content part: of a file's path, or a picture."""
    if isinstance(picture, Image.Image):
        file = io.BytesIO()
        picture.save(file, "PNG")
        picture = file.getvalue()
    else:
        picture = picture.read_bytes()
    return {"type": "image_url", "image_url": {"url": data_uri(picture)}}


@pytest.fixture
def ask(client):
    def ask(picture, question):
        reply = client.chat.completions.create(
            model="", messages=[user(part(picture), text_part(question))], max_tokens=24, temperature=0
        )
        return reply.choices[0].message.content.lower().removesuffix(".").removeprefix("a ")

    return ask


@pytest.mark.parametrize("answer, question", [(a, q) for a, qs in ANSWERS.items() for q in qs])
def test_a_picture_is_asked_about_in_many_words(ask, answer, question):
    assert ask(ROOT / "examples/red-circle.png", question).split()[-1] == answer


def shown(rng, width, height, shape, colour, ground):
    picture = Image.new("RGB", (width, height), ground)
    pen = ImageDraw.Draw(picture)
    long = rng.uniform(0.5, 0.7) * min(width, height)
    w, h = (long, long / rng.uniform(1.7, 2.2)) if shape == "rectangle" else (long, long)
    x, y = rng.uniform(3, width - w - 3), rng.uniform(3, height - h - 3)
    if shape == "circle":
        pen.ellipse((x, y, x + w, y + h), fill=colour)
    elif shape == "triangle":
        pen.polygon([(x + w / 2, y), (x, y + h), (x + w, y + h)], fill=colour)
    else:
        pen.rectangle((x, y, x + w, y + h), fill=colour)
    return picture


def share_of_right(ask, least, most, grounds, seed):
    """Of four questions on each of forty pictures, and what was wrong."""
    rng, asked, wrong = random.Random(seed), 0, []
    for i in range(40):
        shape, colour = SHAPES[i % 4], rng.choice(list(COLOURS))
        other, another = rng.choice([s for s in SHAPES if s != shape]), rng.choice([c for c in COLOURS if c != colour])
        picture = shown(rng, rng.randint(least, most), rng.randint(least, most), shape, COLOURS[colour], rng.choice(grounds))
        for question, answer in [("What shape is this?", shape), (f"What colour is the {shape}?", colour),
                                 (f"Is this a {other}?", "no"), (f"Is there anything {another}?", "no"),
                                 (f"Does it contain a {shape}?", "yes")]:  # fmt: skip
            asked += 1
            told = ask(picture, question)
            if told != answer and (told, answer) != ("gray", "grey"):
                wrong.append((i, shape, colour, picture.size, question, told))
    return 1 - len(wrong) / asked, wrong


@pytest.mark.parametrize("least, most, grounds", [
    (48, 96, [(255, 255, 255), (240, 240, 235)]),
    (160, 400, [(250, 250, 250), (225, 230, 235)]),
    (160, 400, [(0, 0, 0), (20, 20, 25)]),
], ids=["small", "light", "black"])  # fmt: skip
def test_shapes_and_colours_at_every_size(ask, least, most, grounds):
    share, wrong = share_of_right(ask, least, most, grounds, seed=least + grounds[0][0])
    assert share >= 0.9, wrong


def test_short_printed_words(ask):
    right = 0
    words = ["STOP", "OPEN", "EXIT", "TAXI", "BUS", "SALE", "HOTEL", "CAFE", "SHOP", "FREE"]
    for i, word in enumerate(words):
        picture = Image.new("RGB", (300, 200), (245, 245, 245))
        ImageDraw.Draw(picture).text((150, 100), word, (20 + 15 * i, 20, 60), ImageFont.load_default(56), anchor="mm")
        right += ask(picture, "What does it say?") == word.lower()
    assert right >= 8, right
