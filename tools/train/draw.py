"""Draws a scene as a picture and prepares it exactly as the Phi-3.5-Vision processor does."""
from __future__ import annotations

import io
import math
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

import fonts
from world import COLOURS, VIEW

IMAGE_SIZE = 336
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


@lru_cache(1)
def _noise_bank() -> np.ndarray:
    """[1100, 1100] standard normal noise, drawn once: drawing it per picture costs more than the rest."""
    return np.random.default_rng(7).standard_normal((1100, 1100), dtype=np.float32)


def _tint(dark: bool, rng) -> np.ndarray:
    base = rng.uniform(22, 68) if dark else rng.uniform(200, 250)
    return np.clip([base + rng.uniform(-13, 13) for _ in range(3)], 0, 255).astype(np.float32)


def _background(scene: dict, rng) -> Image.Image:
    w, h = scene["w"], scene["h"]
    if scene["bg"] == "pure":
        return Image.new("RGB", (w, h), (0, 0, 0) if scene["dark"] else (255, 255, 255))
    a = _tint(scene["dark"], rng)
    if "grad" in scene["bg"]:
        b = _tint(scene["dark"], rng)
        along_x = rng.random() < 0.5
        t = np.linspace(0, 1, w if along_x else h, dtype=np.float32)[:, None]
        line = a + (b - a) * t
        field = line[None] if along_x else line[:, None]
    else:
        field = a[None, None]
    if "noise" in scene["bg"]:
        y, x = rng.randrange(1100 - h), rng.randrange(1100 - w)
        field = field + _noise_bank()[y:y + h, x:x + w, None] * np.float32(rng.uniform(2.5, 9.5))
    pixels = np.clip(field, 0, 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(np.broadcast_to(pixels, (h, w, 3))))


def polygon(o: dict) -> list[tuple[float, float]]:
    """Corners around (0, 0) for a circumscribed circle of radius 1, turned by `rot`; y goes down."""
    turn = math.radians(o["rot"])
    if o["shape"] == "rectangle":
        half = math.atan(1 / o["aspect"])
        angles = [(1.0, half), (1.0, math.pi - half), (1.0, math.pi + half), (1.0, -half)]
    else:
        corners = {"square": 4, "triangle": 3, "star": 10}[o["shape"]]
        start = math.radians(45 if o["shape"] == "square" else 90)
        angles = [(0.41 if o["shape"] == "star" and i % 2 else 1.0, start + 2 * math.pi * i / corners) for i in range(corners)]
    points = [(r * math.cos(a), -r * math.sin(a)) for r, a in angles]
    if o["shape"] == "triangle":
        wide, high = min(1.0, 1 / o["stretch"]), min(1.0, o["stretch"])
        points = [(x * wide, y * high) for x, y in points]
    cos, sin = math.cos(turn), math.sin(turn)
    return [(x * cos + y * sin, y * cos - x * sin) for x, y in points]


def _draw_shape(image: Image.Image, o: dict, k: float, rgb: tuple, rng) -> None:
    cx, cy, r = o["cx"] / k, o["cy"] / k, o["s"] / 2 / k
    ss = 1 if r > 150 else 3
    x0, y0 = int(cx - r) - 2, int(cy - r) - 2
    side = int(2 * r) + 5
    mask = Image.new("L", (side * ss, side * ss))
    pen = ImageDraw.Draw(mask)
    mx, my = (cx - x0) * ss, (cy - y0) * ss
    if o["shape"] == "circle":
        pen.ellipse((mx - r * ss, my - r * ss, mx + r * ss, my + r * ss), fill=255)
    else:
        pen.polygon([(mx + x * r * ss, my + y * r * ss) for x, y in polygon(o)], fill=255)
    if ss > 1:
        mask = mask.reduce(ss)
    image.paste(rgb, (x0, y0), mask)


def _draw_text(image: Image.Image, o: dict, k: float, rgb: tuple, rng) -> None:
    font = fonts.font(o["font"], max(8, round(o["fs"] / k)))
    ImageDraw.Draw(image).text((o["cx"] / k, o["cy"] / k), o["text"], fill=rgb, font=font, anchor="mm")


def render(scene: dict, rng) -> Image.Image:
    image = _background(scene, rng)
    for o in scene["objs"]:
        rgb = tuple(min(255, max(0, c + rng.randint(-12, 12))) for c in rng.choice(COLOURS[o["colour"]]))
        (_draw_shape if o["kind"] == "shape" else _draw_text)(image, o, scene["k"], rgb, rng)
    return image


def encode(image: Image.Image, fmt: str, rng) -> bytes:
    out = io.BytesIO()
    if fmt == "JPEG":
        image.save(out, "JPEG", quality=rng.randint(70, 95))
    elif fmt == "WEBP":
        image.save(out, "WEBP", quality=rng.randint(70, 95), method=rng.choice([0, 2]))
    else:
        image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def compress(image: Image.Image, rng) -> Image.Image:
    """Now and then the artefacts of JPEG or WebP (PNG changes nothing, so it is not run)."""
    u = rng.random()
    if u < 0.35:
        fmt = "JPEG"
    elif u < 0.5 and image.width * image.height < 120_000:  # WebP encoding is slow
        fmt = "WEBP"
    else:
        return image
    return Image.open(io.BytesIO(encode(image, fmt, rng))).convert("RGB")


def view(image: Image.Image) -> np.ndarray:
    """uint8 [336, 336, 3]: the one crop of num_crops 1, which is also the global view."""
    tall = image.width < image.height
    if tall:
        image = image.transpose(Image.TRANSPOSE)
    new_h = int(IMAGE_SIZE / (image.width / image.height))
    image = image.resize((IMAGE_SIZE, new_h), Image.BILINEAR)
    canvas = np.full((IMAGE_SIZE, IMAGE_SIZE, 3), 255, np.uint8)
    top = (IMAGE_SIZE - new_h) // 2
    canvas[top:top + new_h] = np.asarray(image)
    return canvas.transpose(1, 0, 2) if tall else canvas


def offset(scene: dict) -> tuple[float, float]:
    """Where the scene's origin lies in the view: the white padding left and above."""
    return (VIEW - scene["W"]) / 2, (VIEW - scene["H"]) / 2
