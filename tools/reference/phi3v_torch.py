"""Phi-3.5-Vision in plain torch float32, straight from a checkpoint's tensors: what golden data and
offline scores are made with. Written apart from the model used in training, as a check on it.
Covers contexts up to original_max_position_embeddings and the "sub_glb" order."""
from __future__ import annotations

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

VISION = "model.vision_embed_tokens.img_processor.vision_model."


def unpack(packed: Tensor, bits: int) -> Tensor:
    """uint32 [out, in * bits / 32] -> float32 [out, in]; element k of a word is at bits k * bits."""
    words = packed.view(torch.int32).to(torch.int64) & 0xFFFFFFFF
    shifts = torch.arange(0, 32, bits)
    return ((words[..., None] >> shifts) & (2 ** bits - 1)).flatten(1).float()


class Weights:
    """The tensors of a folder, quantised ones as scale * q + bias in float32."""

    def __init__(self, folder: Path):
        self.config = json.loads((folder / "config.json").read_text())
        raw: dict[str, Tensor] = {}
        for file in sorted(folder.glob("*.safetensors")):
            raw.update(load_file(file))
        quantisation = self.config.get("quantization", {})
        self.tensors = {}
        for name, t in raw.items():
            if name.endswith((".scales", ".biases")):
                continue
            stem = name.removesuffix("weight")
            if stem + "scales" in raw:
                q = unpack(t, quantisation["bits"])
                group = quantisation["group_size"]
                scales, biases = (raw[stem + s].float().repeat_interleave(group, 1) for s in ("scales", "biases"))
                self.tensors[name] = scales * q + biases
            elif name.endswith("patch_embedding.weight") and t.shape[-1] == 3:
                self.tensors[name] = t.float().permute(0, 3, 1, 2).contiguous()
            else:
                self.tensors[name] = t.float()

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self[name + ".weight"], self.tensors.get(name + ".bias"))

    def layer_norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self[name + ".weight"], self[name + ".bias"], 1e-5)


# ---------------------------------------------------------------- image processor

class Processed:
    """One picture: canvas, crops and pixel values as the Phi-3.5-Vision processor makes them."""

    def __init__(self, image: Image.Image, num_crops: int, config: dict):
        side = config["vision_config"]["image_size"]
        image = image.convert("RGB")
        self.transposed = image.width < image.height
        if self.transposed:
            image = image.transpose(Image.TRANSPOSE)
        ratio = image.width / image.height
        scale = 1
        while scale * math.ceil(scale / ratio) <= num_crops:
            scale += 1
        scale -= 1
        width, height = side * scale, int(side * scale / ratio)
        image = image.resize((width, height), Image.BILINEAR)
        full = math.ceil(height / side) * side
        top = (full - height) // 2
        canvas = Image.new("RGB", (width, full), (255, 255, 255))
        canvas.paste(image, (0, top))
        if self.transposed:
            canvas = canvas.transpose(Image.TRANSPOSE)
        self.resize, self.pad, self.canvas = [width, height], [top, full - height - top], canvas
        self.crops = [canvas.height // side, canvas.width // side]
        self.image_sizes = [canvas.height, canvas.width]
        h, w = self.crops
        grid = side // config["vision_config"]["patch_size"] // 2
        self.tokens = (h * w + 1) * grid * grid + 1 + (h + 1) * grid
        mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
        std = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
        data = torch.frombuffer(bytearray(canvas.tobytes()), dtype=torch.uint8).view(canvas.height, canvas.width, 3)
        x = (data.permute(2, 0, 1).float() / 255 - mean) / std
        view = F.interpolate(x[None], size=(side, side), mode="bicubic", align_corners=False)[0]
        cut = x.view(3, h, side, w, side).permute(1, 3, 0, 2, 4).reshape(h * w, 3, side, side)
        self.pixels = torch.cat([view[None], cut])  # [1 + h*w, 3, side, side]: global view first


# ---------------------------------------------------------------- vision

def clip_hidden_states(w: Weights, pixels: Tensor) -> list[Tensor]:
    """All hidden states [N, 1 + P, C]: after pre_layrnorm, then after every layer."""
    heads = w.config["vision_config"]["num_attention_heads"]
    kernel = w[VISION + "embeddings.patch_embedding.weight"]
    x = F.conv2d(pixels, kernel, stride=kernel.shape[-1]).flatten(2).transpose(1, 2)
    cls = w[VISION + "embeddings.class_embedding"].expand(len(x), 1, -1)
    x = torch.cat([cls, x], 1) + w[VISION + "embeddings.position_embedding.weight"]
    x = w.layer_norm(x, VISION + "pre_layrnorm")
    states = [x]
    for i in range(w.config["vision_config"]["num_hidden_layers"]):
        p = f"{VISION}encoder.layers.{i}."
        y = w.layer_norm(x, p + "layer_norm1")
        q, k, v = (w.linear(y, f"{p}self_attn.{n}_proj").unflatten(-1, (heads, -1)).transpose(1, 2) for n in "qkv")
        scores = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5
        x = x + w.linear((scores.softmax(-1) @ v).transpose(1, 2).flatten(2), p + "self_attn.out_proj")
        y = w.linear(w.layer_norm(x, p + "layer_norm2"), p + "mlp.fc1")
        x = x + w.linear(y * torch.sigmoid(1.702 * y), p + "mlp.fc2")
        states.append(x)
    return states


def _rows(features: Tensor, h: int, w: int, sub: Tensor) -> Tensor:
    """[h*w crops, P, C] -> [rows * (columns + 1), 4C] in spatial order, a separator ending each row."""
    n, p, c = features.shape
    g = math.isqrt(p) // 2
    x = features.view(h, w, g, 2, g, 2, c).permute(0, 2, 1, 4, 3, 5, 6).reshape(h * g, w * g, 4 * c)
    return torch.cat([x, sub.view(1, 1, -1).expand(h * g, 1, -1)], 1).flatten(0, 1)


def image_embeds(w: Weights, features: Tensor, crops: list[int]) -> Tensor:
    """features [1 + h*w, P, C], global view first -> [tokens, D]."""
    name = "model.vision_embed_tokens."
    sub, glb = w[name + "sub_GN"], w[name + "glb_GN"].view(1, -1)
    x = torch.cat([_rows(features[1:], *crops, sub), glb, _rows(features[:1], 1, 1, sub)])
    return w.linear(F.gelu(w.linear(x, name + "img_projection.0")), name + "img_projection.2")


# ---------------------------------------------------------------- decoder

class Decoder:
    """Layers with a growing cache of keys and values; one sequence."""

    def __init__(self, w: Weights):
        self.w, c = w, w.config
        self.heads, self.layers = c["num_attention_heads"], c["num_hidden_layers"]
        dim = c["hidden_size"] // self.heads
        longest, original = c["max_position_embeddings"], c["original_max_position_embeddings"]
        factors = torch.tensor(c["rope_scaling"]["short_factor"])
        self.inverse = 1.0 / (factors * c["rope_theta"] ** (torch.arange(0, dim, 2).float() / dim))
        ratio = longest / original
        self.attention_factor = 1.0 if ratio <= 1 else math.sqrt(1 + math.log(ratio) / math.log(original))
        self.cache: list[tuple[Tensor, Tensor]] = []

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.w.config["rms_norm_eps"]) * self.w[name + ".weight"]

    def _rotate(self, x: Tensor, start: int) -> Tensor:  # [H, T, d]
        angle = torch.arange(start, start + x.shape[1]).float()[:, None] * self.inverse
        cos, sin = angle.cos() * self.attention_factor, angle.sin() * self.attention_factor
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def __call__(self, x: Tensor, cache: list | None = None) -> tuple[list[Tensor], Tensor]:
        """x [T, D] continues `cache` (a list of (k, v) per layer, changed in place).
        Returns the outputs of all layers and the final norm's, each [T, D]."""
        cache = [] if cache is None else cache
        start = cache[0][0].shape[1] if cache else 0
        outputs = []
        for i in range(self.layers):
            p = f"model.layers.{i}."
            qkv = self.w.linear(self._norm(x, p + "input_layernorm"), p + "self_attn.qkv_proj")
            q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(0, 1) for t in qkv.chunk(3, -1))
            q, k = self._rotate(q, start), self._rotate(k, start)
            if start:
                k, v = torch.cat([cache[i][0], k], 1), torch.cat([cache[i][1], v], 1)
                cache[i] = (k, v)
            else:
                cache.append((k, v))
            scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
            t = len(x)
            hidden = torch.ones(t, k.shape[1], dtype=torch.bool).triu(start + 1)
            y = (scores.masked_fill(hidden, -torch.inf).softmax(-1) @ v).transpose(0, 1).flatten(1)
            x = x + self.w.linear(y, p + "self_attn.o_proj")
            gate, up = self.w.linear(self._norm(x, p + "post_attention_layernorm"), p + "mlp.gate_up_proj").chunk(2, -1)
            x = x + self.w.linear(F.silu(gate) * up, p + "mlp.down_proj")
            outputs.append(x)
        return outputs, self._norm(x, "model.norm")

    def logits(self, normed: Tensor) -> Tensor:
        return self.w.linear(normed, "lm_head")

    def embed(self, ids: list[int], images: Tensor | None = None) -> Tensor:
        """ids with negative values at image positions, filled from `images` in order."""
        t = torch.tensor(ids)
        x = self.w["model.embed_tokens.weight"][t.clamp(min=0)].clone()
        if images is not None:
            x[t < 0] = images
        return x
