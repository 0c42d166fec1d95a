"""Moondream2 in plain numpy, double precision: what tests/data/golden-moondream is computed with. Written from the
model's description, not from ocellus, so that a mistake has to be made twice. Pillow resizes, Hugging Face's
tokenizers make the ids."""
from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tokenizers import Tokenizer

from smolvlm_numpy import LANCZOS, dequantize, read_safetensors, softmax

SPACED = {"2025-03-27", "2025-04-14", "2025-06-21"}  # revisions with a space in front, and logarithmic sizes


def original_name(name: str) -> str:
    """The hub's name for a tensor of one of mlx-vlm's conversions, or of a quantised copy."""
    for old, new in (("text.model.embed_tokens.weight", "text.wte"), ("model.text.wte.weight", "text.wte"),
                     ("text.model.layers.", "text.blocks."), ("text.model.", "text."),
                     ("vision.encoder.", "vision.")):
        if name.startswith(old):
            name = new + name.removeprefix(old)
            break
    return name if name.startswith("model.") else "model." + name


def load_weights(folder: Path) -> dict[str, np.ndarray]:
    raw: dict[str, np.ndarray] = {}
    for path in sorted(folder.glob("*.safetensors")):
        raw.update(read_safetensors(path))
    out = {}
    for name, values in raw.items():
        if name.endswith((".scales", ".biases")):
            continue
        if values.dtype == np.uint32:
            prefix = name.removesuffix("weight")
            values = dequantize(values, raw[prefix + "scales"], raw[prefix + "biases"])
        out[original_name(name)] = values.astype(np.float64)
    return out


def select_tiling(height: int, width: int, window: int, most: int) -> tuple[int, int]:
    if height <= window or width <= window:
        return 1, 1
    rows, cols = math.ceil(height / window), math.ceil(width / window)
    if rows * cols > most:
        ratio = math.sqrt(most / (rows * cols))
        return max(1, math.floor(rows * ratio)), max(1, math.floor(cols * ratio))
    h = max(math.floor(math.sqrt(most * height / width)), rows)
    w = max(math.floor(math.sqrt(most * width / height)), cols)
    if h * w > most:
        if w > h:
            w = math.floor(most / h)
        else:
            h = math.floor(most / w)
    return max(1, h), max(1, w)


@dataclass
class Picture:
    canvas: Image.Image
    whole: Image.Image  # the global view
    tiling: tuple[int, int]
    views: list[np.ndarray]  # [S, S, 3] bytes, the global one first

    def pixels(self) -> np.ndarray:
        """[views, 3, S, S] float32"""
        unit = np.stack(self.views).astype(np.float32) / np.float32(255)
        return ((unit - np.float32(0.5)) / np.float32(0.5)).transpose(0, 3, 1, 2)


def gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


class Model:
    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))["config"]
        self.text, self.vision, self.region = config["text"], config["vision"], config["region"]
        self.templates, self.bos = config["tokenizer"]["templates"], config["tokenizer"]["bos_id"]
        self.w = load_weights(folder)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.side, self.patch = self.vision["crop_size"], self.vision["enc_patch_size"]
        self.grid, self.margin = self.side // self.patch, self.vision["overlap_margin"]
        self.rows = self.grid ** 2
        self.heads = self.text["n_heads"]

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self.w[f"model.{name}.weight"].T + self.w[f"model.{name}.bias"]

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred ** 2).mean(-1, keepdims=True) + 1e-5)
        return scaled * self.w[f"model.{name}.weight"] + self.w[f"model.{name}.bias"]

    def mlp(self, x: np.ndarray, name: str) -> np.ndarray:
        return self.linear(gelu(self.linear(x, name + ".fc1")), name + ".fc2")

    # --- pictures

    def show(self, image: Image.Image, max_crops: int) -> Picture:
        window, margin = (self.grid - 2 * self.margin) * self.patch, 2 * self.margin * self.patch
        rows, cols = select_tiling(image.height - margin, image.width - margin, window, max_crops)
        canvas = image.resize((cols * window + margin, rows * window + margin), LANCZOS)
        whole = image.resize((self.side, self.side), LANCZOS)
        pixels = np.asarray(canvas)
        crops = [pixels[window * r:window * r + self.side, window * c:window * c + self.side]
                 for r in range(rows) for c in range(cols)]
        return Picture(canvas, whole, (rows, cols), [np.asarray(whole), *crops])

    def tower(self, pixels: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """[3, S, S] -> hidden states [P, C] before and after each layer, features."""
        g, p = self.grid, self.patch
        patches = pixels.astype(np.float64).reshape(3, g, p, g, p).transpose(1, 3, 0, 2, 4).reshape(g * g, -1)
        x = self.linear(patches, "vision.patch_emb") + self.w["model.vision.pos_emb"][0]
        heads, hidden = self.vision["enc_n_heads"], [x]
        for i in range(self.vision["enc_n_layers"]):
            at = f"vision.blocks.{i}."
            qkv = self.linear(self.norm(x, at + "ln1"), at + "attn.qkv").reshape(len(x), 3, heads, -1)
            scores = np.einsum("ihd,jhd->hij", qkv[:, 0], qkv[:, 1]) / math.sqrt(qkv.shape[-1])
            out = np.einsum("hij,jhd->ihd", softmax(scores), qkv[:, 2]).reshape(x.shape)
            x = x + self.linear(out, at + "attn.proj")
            x = x + self.mlp(self.norm(x, at + "ln2"), at + "mlp")
            hidden.append(x)
        return hidden, self.norm(x, "vision.post_ln")

    def pool(self, features: list[np.ndarray], tiling: tuple[int, int]) -> np.ndarray:
        """Features of the crops, row by row -> [P, C]."""
        (rows, cols), g, m = tiling, self.grid, self.margin
        inner = g - 2 * m
        whole = np.zeros((rows * inner + 2 * m, cols * inner + 2 * m, features[0].shape[-1]))
        for number, crop in enumerate(features):
            r, c = divmod(number, cols)
            top, bottom = (0 if r == 0 else m), (g if r == rows - 1 else g - m)
            left, right = (0 if c == 0 else m), (g if c == cols - 1 else g - m)
            whole[r * inner + top:r * inner + bottom, c * inner + left:c * inner + right] = \
                crop.reshape(g, g, -1)[top:bottom, left:right]
        height, width = whole.shape[:2]
        return np.stack([whole[i * height // g:-(-(i + 1) * height // g),
                               j * width // g:-(-(j + 1) * width // g)].mean((0, 1))
                         for i in range(g) for j in range(g)])

    def project(self, whole: np.ndarray, pooled: np.ndarray) -> np.ndarray:
        return self.mlp(np.concatenate([whole, pooled], -1), "vision.proj_mlp")

    # --- words

    def ids(self, task: str, text: str, revision: str) -> list[int]:
        """Those of a picture are -1."""
        front = [self.bos] + [-1] * self.rows
        if task == "caption":
            return front + self.templates["caption"][text]
        spaced = revision in SPACED and not (task == "query" and revision == "2025-06-21")
        typed = self.tokenizer.encode((" " if spaced else "") + text, add_special_tokens=False).ids
        return front + self.templates[task]["prefix"] + typed + self.templates[task]["suffix"]

    def embed(self, ids: list[int], rows: np.ndarray) -> np.ndarray:
        x = self.w["model.text.wte"][np.maximum(ids, 0)]
        x[np.asarray(ids) < 0] = rows
        return x

    def decode(self, x: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Inputs [T, D], a picture's in front -> outputs of each layer, after the last norm, logits."""
        count, heads, d = len(x), self.heads, x.shape[-1] // self.heads
        half = d // 2  # turn
        inverse = (1 / np.float32(10000) ** (np.arange(0, half, 2, dtype=np.float32) / np.float32(half)))
        angles = np.outer(np.arange(count, dtype=np.float32), inverse.astype(np.float32))
        cos, sin = (f(angles.astype(np.float64))[:, None, :] for f in (np.cos, np.sin))

        def turned(y: np.ndarray) -> np.ndarray:
            a, b, rest = y[..., :half // 2], y[..., half // 2:half], y[..., half:]
            return np.concatenate([a * cos - b * sin, b * cos + a * sin, rest], -1)

        seen = np.tri(count, dtype=bool)
        seen[:self.rows + 1, :self.rows + 1] = True
        hidden = []
        for i in range(self.text["n_layers"]):
            at = f"text.blocks.{i}."
            normed = self.norm(x, at + "ln")
            qkv = self.linear(normed, at + "attn.qkv").reshape(count, 3, heads, d)
            scores = np.einsum("ihd,jhd->hij", turned(qkv[:, 0]), turned(qkv[:, 1])) / math.sqrt(d)
            scores = np.where(seen, scores, -np.inf)
            out = np.einsum("hij,jhd->ihd", softmax(scores), qkv[:, 2]).reshape(count, -1)
            x = x + self.linear(out, at + "attn.proj") + self.mlp(normed, at + "mlp")
            hidden.append(x)
        normed = self.norm(x, "text.post_ln")
        return hidden, normed, self.linear(normed, "text.lm_head")

    # --- objects

    def fourier(self, values: list[float], name: str) -> np.ndarray:
        angles = 2 * math.pi * np.asarray([values]) @ self.w[f"model.region.{name}_features"]
        return self.linear(np.concatenate([np.cos(angles), np.sin(angles)], -1), f"region.{name}_encoder")

    def size_of(self, bin_: int, bins: int, revision: str) -> float:
        return 2 ** (bin_ / (bins - 1) * 10 - 10) if revision in SPACED else bin_ / bins
