"""Pictures of the embedded model's world with questions whose answers are known, drawn here."""

import random

from PIL import Image, ImageDraw

COLOURS = {"red": (220, 38, 38), "green": (38, 160, 60), "blue": (40, 80, 220),
           "purple": (140, 50, 170), "orange": (245, 135, 30), "black": (18, 18, 18)}  # fmt: skip
SHAPES = ["circle", "square", "triangle"]


def drawn(rng):
    """A picture with one shape, its shape and its colour."""
    shape, colour = rng.choice(SHAPES), rng.choice(list(COLOURS))
    width, height = rng.randint(160, 320), rng.randint(160, 320)
    picture = Image.new("RGB", (width, height), tuple(rng.randint(225, 255) for _ in range(3)))
    side = rng.uniform(0.35, 0.6) * min(width, height)
    x, y = rng.uniform(5, width - side - 5), rng.uniform(5, height - side - 5)
    pen, box = ImageDraw.Draw(picture), (x, y, x + side, y + side)
    if shape == "circle":
        pen.ellipse(box, fill=COLOURS[colour])
    elif shape == "square":
        pen.rectangle(box, fill=COLOURS[colour])
    else:
        pen.polygon([(x + side / 2, y), (x, y + side), (x + side, y + side)], fill=COLOURS[colour])
    return picture, shape, colour


def questions(rng, shape, colour):
    """(type, question, answer), five of them."""
    other = rng.choice([name for name in COLOURS if name != colour])
    return [
        ("shape", "What shape is this?", shape),
        ("colour", f"What is the color of the {shape}?", colour),
        ("count", "How many shapes are there?", "1"),
        ("yesno", f"Is there a {colour} {shape}?", "yes"),
        ("yesno", f"Is there a {other} {shape}?", "no"),
    ]


def folder_of_pictures(folder, count, seed=1):
    """Files 00.png, 01.jpg, …"""
    rng = random.Random(seed)
    files = []
    for i in range(count):
        files.append(folder / f"{i:02}.{'jpg' if i % 2 else 'png'}")
        drawn(rng)[0].save(files[-1])
    return files
