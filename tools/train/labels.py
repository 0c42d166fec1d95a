"""Dense lessons for the vision stage: what each patch shows, and, where an object's centre lies,
the facts that questions ask about it (its neighbours, its rank from the left, how many share its
colour). With these facts at hand in the image tokens the decoder only has to look them up.
The head that predicts them is thrown away after training."""
from __future__ import annotations

import math
import string

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import fonts
from draw import offset, polygon
from world import COLOUR_NAMES, DIRECTIONS, SHAPES, neighbour, shapes_of

GRID, PATCH = 12, 28
GLYPHS = string.digits + string.ascii_uppercase
KINDS = ["", *SHAPES, "number", "word"]
# name -> classes, per patch; relations come four times, in the order of DIRECTIONS
PARTS = {"seg": len(KINDS), "colour": 1 + len(COLOUR_NAMES), "glyph": 1 + len(GLYPHS), "glyph_index": 5, "glyph_count": 5, "centre": 2,
         **{f"rel_kind{i}": len(KINDS) for i in range(4)}, **{f"rel_colour{i}": len(COLOUR_NAMES) for i in range(4)},
         "same_colour": 6, "same_shape": 6, "rank": 6}
COLUMN = {name: i for i, name in enumerate(PARTS)}
WEIGHT = {"seg": 1.0, "colour": 1.0, "glyph": 3.0, "glyph_index": 0.5, "glyph_count": 0.3, "centre": 1.0,
          "same_colour": 0.6, "same_shape": 0.1, "rank": 0.5,
          **{f"rel_kind{i}": 0.4 for i in range(4)}, **{f"rel_colour{i}": 0.3 for i in range(4)}}
IGNORE = -100
_ROWS, _COLS = np.meshgrid((np.arange(GRID) + 0.5) * PATCH, (np.arange(GRID) + 0.5) * PATCH, indexing="ij")


def labels(scene: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """int16 [12, 12, parts], float32 [12, 12, 4] (offset of a centre in its patch; log of a shape's width and height
    in patches, wherever it is), int16 [2] (shape count, dark)."""
    out = np.full((GRID, GRID, len(PARTS)), IGNORE, np.int16)
    out[..., [COLUMN["seg"], COLUMN["colour"], COLUMN["glyph"], COLUMN["centre"]]] = 0
    measures = np.zeros((GRID, GRID, 4), np.float32)
    ox, oy = offset(scene)
    shapes = shapes_of(scene)
    ranks = {id(o): i for i, o in enumerate(sorted(scene["objs"], key=lambda o: o["cx"]))}
    for o in scene["objs"]:
        x, y = o["cx"] + ox, o["cy"] + oy
        row, col = min(GRID - 1, int(y / PATCH)), min(GRID - 1, int(x / PATCH))
        if o["kind"] == "shape":
            inside = _inside(o, x, y)
            inside[row, col] = True
            out[inside, COLUMN["seg"]] = 1 + SHAPES.index(o["shape"])
            out[inside, COLUMN["colour"]] = 1 + COLOUR_NAMES.index(o["colour"])
            measures[inside, 2:] = np.log(_extent(o) / PATCH)
        else:
            _glyph_labels(out, o, x, y)
        here = out[row, col]
        here[COLUMN["centre"]] = 1
        measures[row, col, :2] = x / PATCH - col - 0.5, y / PATCH - row - 0.5
        here[COLUMN["rank"]] = min(5, ranks[id(o)])
        if o["kind"] != "shape":
            continue
        here[COLUMN["same_colour"]] = min(5, sum(p["colour"] == o["colour"] for p in shapes))
        here[COLUMN["same_shape"]] = min(5, sum(p["shape"] == o["shape"] for p in shapes))
        for i, direction in enumerate(DIRECTIONS):
            state, other = neighbour(scene, o, direction)
            if state != "ok":
                continue
            kind = "" if other is None else other["shape"] if other["kind"] == "shape" else other["kind"]
            here[COLUMN["rel_kind0"] + i] = KINDS.index(kind)
            if kind in SHAPES:
                here[COLUMN["rel_colour0"] + i] = COLOUR_NAMES.index(other["colour"])
    return out, measures, np.array([min(6, len(shapes)), scene["dark"]], np.int16)


def _extent(o: dict) -> np.ndarray:
    """Width and height in the picture."""
    if o["shape"] == "circle":
        return np.array([o["s"], o["s"]])
    return np.ptp(polygon(o), axis=0) * o["s"] / 2


def _inside(o: dict, x: float, y: float) -> np.ndarray:
    dx, dy = _COLS - x, _ROWS - y
    if o["shape"] != "rectangle":
        return dx ** 2 + dy ** 2 < (0.36 * o["s"]) ** 2
    turn, half = math.radians(o["rot"]), math.atan(1 / o["aspect"])
    along, across = dx * math.cos(turn) - dy * math.sin(turn), dx * math.sin(turn) + dy * math.cos(turn)
    return (abs(along) < 0.45 * o["s"] * math.cos(half)) & (abs(across) < 0.45 * o["s"] * math.sin(half))


def _glyph_labels(out: np.ndarray, o: dict, x: float, y: float) -> None:
    n = len(o["text"])
    left = x - o["hw"]
    for i, glyph in enumerate(o["text"]):
        start, end = (left + o["fs"] * fonts.width(o["font"], o["text"][:j]) for j in (i, i + 1))
        gx = (start + end) / 2
        inside = (abs(_COLS - gx) < 0.45 * (end - start)) & (abs(_ROWS - y) < 0.38 * o["fs"])
        row, col = min(GRID - 1, int(y / PATCH)), min(GRID - 1, max(0, int(gx / PATCH)))
        inside[row, col] = True
        out[inside, COLUMN["seg"]] = KINDS.index(o["kind"])
        out[inside, COLUMN["colour"]] = IGNORE
        out[inside, COLUMN["glyph"]] = 1 + GLYPHS.index(glyph)
        out[inside, COLUMN["glyph_index"]] = i
        out[inside, COLUMN["glyph_count"]] = n - 1


class DenseHead(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.per_patch = sum(PARTS.values()) + 4
        self.patches = nn.Linear(width, 4 * self.per_patch)
        self.whole = nn.Linear(width, 7 + 2)

    def forward(self, tokens: Tensor, ints: Tensor, measures: Tensor, whole: Tensor) -> tuple[Tensor, dict[str, float]]:
        """tokens [N, 6, 6, D] and the labels of a batch -> loss and accuracies per part."""
        n, g = tokens.shape[:2]
        y = self.patches(tokens).view(n, g, g, 2, 2, self.per_patch).permute(0, 1, 3, 2, 4, 5)
        y = y.reshape(-1, self.per_patch)
        ints = ints.reshape(-1, ints.shape[-1]).long()
        loss, stats, at = torch.zeros(()), {}, 0
        for part, classes in PARTS.items():
            target = ints[:, COLUMN[part]]
            keep = (target != IGNORE).nonzero().squeeze(1)
            logits, at = y[keep, at:at + classes], at + classes
            target = target[keep]
            balance = None
            if part in ("seg", "colour", "glyph", "centre"):  # mostly background
                balance = torch.ones(classes)
                balance[0] = 0.15
            loss = loss + WEIGHT[part] * F.cross_entropy(logits, target, weight=balance)
            with torch.no_grad():
                shown = target > 0 if balance is not None else slice(None)
                stats[part] = (logits.argmax(-1) == target)[shown].float().mean().item()
        miss, seg = y[:, -4:] - measures.reshape(-1, 4), ints[:, COLUMN["seg"]]
        offset = miss[ints[:, COLUMN["centre"]] == 1, :2]
        extent = miss[(seg > 0) & (seg <= len(SHAPES)), 2:]
        # What tells a square from a rectangle is the difference of the two.
        for name, error in (("offset", offset), ("extent", extent), ("aspect", extent[:, 0] - extent[:, 1])):
            if len(error):
                loss = loss + 2 * error.pow(2).mean()
                stats[name + "_rms"] = error.detach().pow(2).mean().sqrt().item()
        z = self.whole(tokens).reshape(-1, 9)
        repeated = whole.long().repeat_interleave(g * g, 0)
        loss = loss + 0.6 * F.cross_entropy(z[:, :7], repeated[:, 0]) + 0.1 * F.cross_entropy(z[:, 7:], repeated[:, 1])
        stats["count"] = (z[:, :7].argmax(-1) == repeated[:, 0]).float().mean().item()
        return loss, stats
