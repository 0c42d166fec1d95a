#!/usr/bin/env python3
"""Draws the layers and rooms of tools/check_layers.py as docs/architecture.svg.

    tools/draw_layers.py            writes the picture
    tools/draw_layers.py --check    status 1 where the committed one is another
"""

import html
import pathlib
import sys

from check_layers import LAYERS, ROOMS, WORDS, undescribed

PICTURE = pathlib.Path(__file__).resolve().parents[1] / "docs/architecture.svg"

WIDTH = 960  # all lengths in the picture's own units
MARGIN = 20
GUTTER = 44  # on the right, for the arrow
GAP = 8  # between layers
PAD = 10
TITLE_WIDTH = 200  # name and words of a layer that has its level alone, left of its rooms
TITLE = 52  # the same above the rooms, where several share a level
ROOM = 30
ROOM_GAP = 6

STYLE = """
  svg { --paper: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #c4ccd6; --layer: #eef3f9; --room: #ffffff; --mark: #0a5fc4 }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0d1117; --ink: #e6edf3; --soft: #9aa4af; --line: #3d4653; --layer: #161d27; --room: #222c39; --mark: #6cb0ff }
  }
  text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--ink) }
  .paper { fill: var(--paper) }
  .layer { fill: var(--layer); stroke: var(--line) }
  .room { fill: var(--room); stroke: var(--line) }
  .name { font-size: 17px; font-weight: 600 }
  .words { font-size: 13px; fill: var(--soft) }
  .room-name { font-size: 13px; font-weight: 600 }
  .room-words { font-size: 12px; font-weight: 400; fill: var(--soft) }
  .arrow { stroke: var(--mark); stroke-width: 2; fill: none }
  .head { fill: var(--mark) }
  .mark { font-size: 13px; fill: var(--mark) }
"""


def box(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"/>'


def text(kind: str, x: float, y: float, words: str, more: str = "") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}"{more}>{html.escape(words)}</text>'


def rows_of(layer: str) -> list[list[str]]:
    """A layer's rooms, highest first, as they are drawn."""
    return list(reversed(ROOMS.get(layer, [])))


def height_of(layer: str, alone: bool) -> float:
    rows = len(rows_of(layer))
    rooms = rows * (ROOM + ROOM_GAP) - ROOM_GAP + 2 * PAD
    if rows == 0:
        return TITLE + 2
    return max(TITLE + 2, rooms) if alone else TITLE - PAD + rooms


def draw_room(layer: str, room: str, x: float, y: float, width: float) -> list[str]:
    name = {".": f"{layer}/*.h", "registry": "registry.cpp"}.get(room, room)
    words = WORDS[f"{layer}/{room}"]
    # Widths of letters are guessed: fonts differ.
    if 28 + 8 * len(name) + 6.4 * len(words) > width:
        raise SystemExit(f"tools/check_layers.py: no place for the words of {layer}/{room}: {words}")
    return [box("room", x, y, width, ROOM),
            f'<text class="room-name" x="{x + 10:g}" y="{y + 20:g}">{html.escape(name)}'
            f'<tspan class="room-words" dx="8">{html.escape(words)}</tspan></text>']


def draw_layer(layer: str, alone: bool, x: float, y: float, width: float, height: float) -> list[str]:
    parts = [box("layer", x, y, width, height),
             text("name", x + PAD + 2, y + 24, layer),
             text("words", x + PAD + 2, y + 42, WORDS[layer])]
    left, top = (x + TITLE_WIDTH, y + PAD) if alone else (x + PAD, y + TITLE)
    for row in rows_of(layer):
        each = (x + width - PAD - left - ROOM_GAP * (len(row) - 1)) / len(row)
        for column, room in enumerate(row):
            parts += draw_room(layer, room, left + column * (each + ROOM_GAP), top, each)
        top += ROOM + ROOM_GAP
    return parts


def draw() -> str:
    parts = []
    y = MARGIN
    inner = WIDTH - 2 * MARGIN - GUTTER
    for names in reversed(LAYERS):
        alone = len(names) == 1
        height = max(height_of(name, alone) for name in names)
        each = (inner - GAP * (len(names) - 1)) / len(names)
        for column, name in enumerate(names):
            parts += draw_layer(name, alone, MARGIN + column * (each + GAP), y, each, height)
        y += height + GAP
    bottom = y - GAP
    x = WIDTH - MARGIN - GUTTER / 2
    middle = (MARGIN + bottom) / 2
    parts += [f'<path class="arrow" d="M{x:g} {MARGIN + 4} V{bottom - 12:g}"/>',
              f'<path class="head" d="M{x - 7:g} {bottom - 14:g} h14 l-7 14 z"/>',
              text("mark", x + 20, middle, "includes only go down",
                   f' text-anchor="middle" transform="rotate(90 {x + 20:g} {middle:g})" dy="4"')]
    height = bottom + MARGIN
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img"'
        ' aria-label="The layers of the source and the rooms within them; includes only go down">',
        "<!-- made by tools/draw_layers.py -->",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height:g}" rx="10"/>',
        *parts,
        "</svg>",
        "",
    ])  # fmt: skip


def main() -> int:
    if missing := undescribed():
        print(f"WORDS in tools/check_layers.py says nothing about {', '.join(missing)}", file=sys.stderr)
        return 1
    if sys.argv[1:] == ["--check"]:
        same = PICTURE.exists() and PICTURE.read_text(encoding="utf-8") == draw()
        if not same:
            print("docs/architecture.svg is not what the layers are now: run tools/draw_layers.py", file=sys.stderr)
        return 0 if same else 1
    if sys.argv[1:]:
        print(__doc__.strip())
        return 0 if sys.argv[1:] == ["--help"] else 2
    PICTURE.write_text(draw(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
