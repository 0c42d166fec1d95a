"""The fonts of numbers and words: those of the usual system folders (Debian: fonts-dejavu-core,
fonts-liberation, fonts-noto-core) that are there, and Pillow's own, which is always there."""
from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

ROOT = Path("/usr/share/fonts/truetype")
OWN = "Pillow"
# DejaVu Sans is the font of the world's sample pictures; the others teach tolerance.
WEIGHTS = {"dejavu/DejaVuSans.ttf": 30, "dejavu/DejaVuSans-Bold.ttf": 4, "dejavu/DejaVuSansCondensed.ttf": 1,
           "liberation/LiberationSans-Regular.ttf": 4, "liberation/LiberationSans-Bold.ttf": 2,
           "noto/NotoSans-Regular.ttf": 2, OWN: 3}
REFERENCE = 200  # pixels at which widths are measured


@lru_cache(1)
def _there() -> tuple[list[str], list[int]]:
    found = [(f, n) for f, n in WEIGHTS.items() if f == OWN or (ROOT / f).exists()]
    return [f for f, _ in found], [n for _, n in found]


def choose(rng) -> str:
    names, weights = _there()
    return rng.choices(names, weights)[0]


@lru_cache(2048)
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font that is not there gives way to Pillow's own."""
    if name != OWN and (ROOT / name).exists():
        return ImageFont.truetype(str(ROOT / name), size)
    return ImageFont.load_default(size)


@lru_cache(4096)
def width(name: str, text: str) -> float:
    """Advance of `text` in units of the font's size."""
    return font(name, REFERENCE).getlength(text) / REFERENCE
