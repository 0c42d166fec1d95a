"""SmolVLM2 in plain numpy, double precision: what tests/data/golden-smolvlm is computed with. Written from the
model's description, not from ocellus, so that a mistake has to be made twice. Pillow resizes, Hugging Face's
tokenizers make the ids."""
from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tokenizers import Tokenizer

LANCZOS = Image.Resampling.LANCZOS


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    out = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        raw = data[8 + length + begin:8 + length + end]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(raw, {"F16": "<f2", "F32": "<f4", "U32": "<u4"}[entry["dtype"]])
        out[name] = values.reshape(entry["shape"])
    return out


def original_name(name: str) -> str:
    """The name that Hugging Face's layout has for a tensor of one of mlx-vlm's conversions."""
    if name.startswith("language_model.lm_head"):
        return name.removeprefix("language_model.")
    if name.startswith("language_model."):
        return "model.text_model." + name.removeprefix("language_model.")
    if name.startswith(("vision_model.", "connector.")):
        return "model." + name
    return name


def dequantize(packed: np.ndarray, scales: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """MLX's affine codes, 4 or 8 bits, low bits first."""
    rows, groups = scales.shape
    bits = next(bits for bits in (4, 8) if packed.shape[1] * 32 // bits % groups == 0
                and packed.shape[1] * 32 // bits // groups in (32, 64, 128))
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    codes = ((packed[:, :, None] >> shifts) & ((1 << bits) - 1)).reshape(rows, groups, -1)
    # float32 products and sums, as in MLX
    return (scales.astype(np.float32)[:, :, None] * codes.astype(np.float32)
            + biases.astype(np.float32)[:, :, None]).reshape(rows, -1)


def load_weights(folder: Path) -> dict[str, np.ndarray]:
    raw: dict[str, np.ndarray] = {}
    for path in sorted(folder.glob("*.safetensors")):
        raw.update({original_name(name): values for name, values in read_safetensors(path).items()})
    out = {}
    for name, values in raw.items():
        if name.endswith((".scales", ".biases")):
            continue
        if values.dtype == np.uint32:
            prefix = name.removesuffix("weight")
            values = dequantize(values, raw[prefix + "scales"], raw[prefix + "biases"])
        if values.ndim == 4 and values.shape[3] == 3 and values.shape[1] != 3:
            values = values.transpose(0, 3, 1, 2)
        out[name] = values.astype(np.float64)
    return out


@dataclass
class Picture:
    size: tuple[int, int]
    resized: Image.Image
    canvas: Image.Image
    rows: int
    cols: int
    views: list[np.ndarray]  # [S, S, 3] bytes, the global one last

    def pixels(self) -> np.ndarray:
        """[views, 3, S, S] float32"""
        unit = (np.stack(self.views).astype(np.float64) * 0.00392156862745098).astype(np.float32)
        return ((unit - np.float32(0.5)) / np.float32(0.5)).transpose(0, 3, 1, 2)


def show(image: Image.Image, tile: int, longest_edge: int, split: bool) -> Picture:
    width, height = image.size
    ratio = width / height
    if width >= height:
        w, h = longest_edge, int(longest_edge / ratio)
        h += h % 2
    else:
        w, h = int(longest_edge * ratio), longest_edge
        w += w % 2
    w, h = max(w, 1), max(h, 1)
    resized = image.resize((w, h), LANCZOS)
    if not split:
        canvas = resized.resize((tile, tile), LANCZOS)
        return Picture(image.size, resized, canvas, 0, 0, [np.asarray(canvas)])
    ratio = w / h
    if w >= h:
        cw = math.ceil(w / tile) * tile
        ch = math.ceil(int(cw / ratio) / tile) * tile
    else:
        ch = math.ceil(h / tile) * tile
        cw = math.ceil(int(ch * ratio) / tile) * tile
    canvas = resized.resize((cw, ch), LANCZOS)
    if (cw, ch) == (tile, tile):
        return Picture(image.size, resized, canvas, 0, 0, [np.asarray(canvas)])
    whole = np.asarray(canvas)
    rows, cols = ch // tile, cw // tile
    views = [whole[r * tile:(r + 1) * tile, c * tile:(c + 1) * tile] for r in range(rows) for c in range(cols)]
    return Picture(image.size, resized, canvas, rows, cols,
                   [*views, np.asarray(canvas.resize((tile, tile), LANCZOS))])


def expansion(rows: int, cols: int, view_tokens: int) -> str:
    image = "<image>" * view_tokens
    text = ""
    for row in range(1, rows + 1):
        for col in range(1, cols + 1):
            text += f"<fake_token_around_image><row_{row}_col_{col}>{image}"
        text += "\n"
    if rows:
        text += "\n"
    return text + f"<fake_token_around_image><global-img>{image}<fake_token_around_image>"


def chat_prompt(messages: list[dict]) -> str:
    """With <image> in place of each tag <|image_N|>, which stand in order."""
    text = "<|im_start|>"
    for message in messages:
        content = re.sub(r"<\|image_\d+\|>", "<image>", message["content"])
        space = "" if content.startswith("<image>") else " "
        text += f"{message['role'].capitalize()}:{space}{content}<end_of_utterance>\n"
    return text + ("Assistant:" if messages[-1]["role"] != "assistant" else "")


class Model:
    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        text, vision = config["text_config"], config["vision_config"]
        self.w = load_weights(folder)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.image_token = config["image_token_id"]
        self.scale = config["scale_factor"]
        self.layers, self.eps = text["num_hidden_layers"], text["rms_norm_eps"]
        self.heads, self.kv_heads = text["num_attention_heads"], text["num_key_value_heads"]
        self.head_dim, self.theta = text["head_dim"], text["rope_theta"]
        self.tile, self.patch = vision["image_size"], vision["patch_size"]
        self.grid = self.tile // self.patch
        self.vision_layers, self.vision_heads = vision["num_hidden_layers"], vision["num_attention_heads"]
        self.view_tokens = (self.grid // self.scale) ** 2

    # --- pictures

    def show(self, image: Image.Image, num_crops: int) -> Picture:
        """num_crops: tiles of the long side; 0: not cut."""
        return show(image, self.tile, (num_crops or 4) * self.tile, num_crops != 0)

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        y = x @ self.w[name + ".weight"].T
        return y + self.w[name + ".bias"] if name + ".bias" in self.w else y

    def layer_norm(self, x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred ** 2).mean(-1, keepdims=True) + 1e-6)
        return scaled * self.w[name + ".weight"] + self.w[name + ".bias"]

    def tower(self, pixels: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """[3, S, S] -> hidden states [P, C] before and after each layer, features."""
        at, g, p = "model.vision_model.", self.grid, self.patch
        seen = pixels[:, :g * p, :g * p].astype(np.float64).reshape(3, g, p, g, p)
        patches = seen.transpose(1, 3, 0, 2, 4).reshape(g * g, -1)
        kernel = self.w[at + "embeddings.patch_embedding.weight"]
        x = patches @ kernel.reshape(len(kernel), -1).T + self.w[at + "embeddings.patch_embedding.bias"]
        x = x + self.w[at + "embeddings.position_embedding.weight"]
        hidden = [x]
        for i in range(self.vision_layers):
            layer = f"{at}encoder.layers.{i}."
            normed = self.layer_norm(x, layer + "layer_norm1")
            q, k, v = (self.linear(normed, f"{layer}self_attn.{part}_proj").reshape(len(x), self.vision_heads, -1)
                       for part in "qkv")
            scores = np.einsum("ihd,jhd->hij", q, k) / math.sqrt(q.shape[-1])
            x = x + self.linear(np.einsum("hij,jhd->ihd", softmax(scores), v).reshape(x.shape),
                                layer + "self_attn.out_proj")
            inner = self.linear(self.layer_norm(x, layer + "layer_norm2"), layer + "mlp.fc1")
            inner = 0.5 * inner * (1 + np.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner ** 3)))
            x = x + self.linear(inner, layer + "mlp.fc2")
            hidden.append(x)
        return hidden, self.layer_norm(x, at + "post_layernorm")

    def connect(self, features: np.ndarray) -> np.ndarray:
        s, n = self.scale, self.grid // self.scale
        blocks = features.reshape(n, s, n, s, -1).transpose(0, 2, 1, 3, 4).reshape(n * n, -1)
        return self.linear(blocks, "model.connector.modality_projection.proj")

    # --- words

    def ids(self, messages: list[dict], pictures: list[Picture]) -> list[int]:
        pieces = chat_prompt(messages).split("<image>")
        assert len(pieces) == len(pictures) + 1
        text = pieces[0]
        for picture, piece in zip(pictures, pieces[1:]):
            text += expansion(picture.rows, picture.cols, self.view_tokens) + piece
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def embed(self, ids: list[int], rows: np.ndarray | None) -> np.ndarray:
        x = self.w["model.text_model.embed_tokens.weight"][ids]
        places = np.asarray(ids) == self.image_token
        if places.any():
            x[places] = rows
        return x

    def decode(self, x: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Inputs [T, D] -> outputs of each layer, after the last norm, logits."""
        count, d = len(x), self.head_dim
        # float32 angles, as torch has them
        inverse = (1 / np.float32(self.theta) ** (np.arange(0, d, 2, dtype=np.float32) / np.float32(d))).astype(np.float32)
        angles = np.outer(np.arange(count, dtype=np.float32), inverse).astype(np.float64)[:, None, :]
        cos, sin = np.cos(angles), np.sin(angles)

        def turned(y: np.ndarray) -> np.ndarray:
            a, b = y[..., :d // 2], y[..., d // 2:]
            return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

        hidden = []
        for i in range(self.layers):
            at = f"model.text_model.layers.{i}."
            normed = self.rms_norm(x, at + "input_layernorm")
            q = turned(self.linear(normed, at + "self_attn.q_proj").reshape(count, self.heads, d))
            k = turned(self.linear(normed, at + "self_attn.k_proj").reshape(count, self.kv_heads, d))
            v = self.linear(normed, at + "self_attn.v_proj").reshape(count, self.kv_heads, d)
            group = np.arange(self.heads) // (self.heads // self.kv_heads)
            scores = np.einsum("ihd,jhd->hij", q, k[:, group]) / math.sqrt(d)
            scores = np.where(np.tri(count, dtype=bool), scores, -np.inf)
            out = np.einsum("hij,jhd->ihd", softmax(scores), v[:, group]).reshape(count, -1)
            x = x + self.linear(out, at + "self_attn.o_proj")
            normed = self.rms_norm(x, at + "post_attention_layernorm")
            gate = self.linear(normed, at + "mlp.gate_proj")
            x = x + self.linear(gate / (1 + np.exp(-gate)) * self.linear(normed, at + "mlp.up_proj"),
                                at + "mlp.down_proj")
            hidden.append(x)
        normed = self.rms_norm(x, "model.text_model.norm")
        return hidden, normed, self.linear(normed, "lm_head")

    def rms_norm(self, x: np.ndarray, name: str) -> np.ndarray:
        return x / np.sqrt((x ** 2).mean(-1, keepdims=True) + self.eps) * self.w[name + ".weight"]


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
