"""Phi3V (Phi-3.5-Vision's architecture) in small, for training. Parameter names are the
checkpoint's, so that exporting is a copy; the full-size shapes are in the reference notes."""
from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """`mask`: float, added to the scores. The products are in bfloat16 under autocast, the softmax in float32.
    By hand, since on CPUs the backward pass of the fused kernel takes twice as long."""
    if q.is_cuda:
        with torch.autocast("cuda", enabled=False):
            return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=mask)
    scores = ((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)).float()
    return (scores if mask is None else scores + mask).softmax(-1) @ v


@dataclass
class Config:
    vocab_size: int = 1024
    hidden_size: int = 192
    num_hidden_layers: int = 4
    num_attention_heads: int = 6
    intermediate_size: int = 384
    vision_hidden_size: int = 128
    vision_layers: int = 6  # the last one is never used: the feature is hidden state -2
    vision_heads: int = 4
    vision_intermediate_size: int = 512
    image_size: int = 336
    patch_size: int = 28
    rope_theta: float = 10000.0

    @property
    def grid(self) -> int:  # tokens per side of one view
        return self.image_size // self.patch_size // 2

    def to_dict(self) -> dict:
        return asdict(self)


def _linear(i: int, o: int, bias: bool, gain: float = 1.0) -> nn.Linear:
    layer = nn.Linear(i, o, bias=bias)
    nn.init.normal_(layer.weight, std=gain * 0.6 / math.sqrt(i))
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


# ---------------------------------------------------------------- vision tower

class ClipAttention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj = (_linear(width, width, True) for _ in range(3))
        self.out_proj = _linear(width, width, True, 0.3)

    def forward(self, x: Tensor) -> Tensor:  # [N, T, C]
        n, t, c = x.shape
        q, k, v = (p(x).view(n, t, self.heads, -1).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        return self.out_proj(attention(q, k, v).transpose(1, 2).reshape(n, t, c))


class ClipMlp(nn.Module):
    def __init__(self, width: int, inner: int):
        super().__init__()
        self.fc1, self.fc2 = _linear(width, inner, True), _linear(inner, width, True, 0.3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc1(x)
        return self.fc2(y * torch.sigmoid(1.702 * y))  # quick_gelu


class ClipLayer(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(cfg.vision_hidden_size)
        self.self_attn = ClipAttention(cfg.vision_hidden_size, cfg.vision_heads)
        self.layer_norm2 = nn.LayerNorm(cfg.vision_hidden_size)
        self.mlp = ClipMlp(cfg.vision_hidden_size, cfg.vision_intermediate_size)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


def _sincos(grid: int, width: int) -> Tensor:
    """2-D sine positions as a start for the learned ones: relations between objects need them."""
    freqs = math.pi * torch.logspace(0, math.log10(grid / 2), width // 4)
    pos = (torch.arange(grid) + 0.5) / grid
    one = torch.cat([torch.sin(pos[:, None] * freqs), torch.cos(pos[:, None] * freqs)], 1)
    y = one[:, None].expand(grid, grid, -1)
    x = one[None].expand(grid, grid, -1)
    return torch.cat([y, x], -1).reshape(grid * grid, width)


class VisionModel(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        c, p = cfg.vision_hidden_size, cfg.patch_size
        grid = cfg.image_size // p
        self.embeddings = nn.Module()
        self.embeddings.class_embedding = nn.Parameter(torch.randn(c) * 0.3)
        self.embeddings.patch_embedding = nn.Conv2d(3, c, p, p, bias=False)
        nn.init.normal_(self.embeddings.patch_embedding.weight, std=0.5 / p)
        self.embeddings.position_embedding = nn.Embedding(grid * grid + 1, c)
        with torch.no_grad():
            self.embeddings.position_embedding.weight.zero_()[1:] = 0.5 * _sincos(grid, c)
        self.pre_layrnorm = nn.LayerNorm(c)
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(ClipLayer(cfg) for _ in range(cfg.vision_layers))
        self.post_layernorm = nn.LayerNorm(c)
        self.register_buffer("mean", torch.tensor([0.48145466, 0.4578275, 0.40821073]), persistent=False)
        self.register_buffer("std", torch.tensor([0.26862954, 0.26130258, 0.27577711]), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """uint8 [N, 336, 336, 3] -> features [N, patches, C] of hidden state -2 without the class token."""
        n, p = pixels.shape[0], self.cfg.patch_size
        g = self.cfg.image_size // p
        # The convolution has no overlap: one matrix product over unfolded patches is faster here. Pixels less
        # 128 are exact in bfloat16; the rest of (pixel / 255 - mean) / std goes into the weights.
        x = pixels.view(n, g, p, g, p, 3).permute(0, 1, 3, 2, 4, 5).reshape(n, g * g, p * p * 3)
        x = x.to(torch.bfloat16 if torch.is_autocast_enabled(x.device.type) else torch.float32) - 128
        weight = self.embeddings.patch_embedding.weight.permute(0, 2, 3, 1)  # [C, p, p, 3]
        shift = (weight * ((128 / 255 - self.mean) / self.std)).sum((1, 2, 3))
        x = x @ (weight / (255 * self.std)).flatten(1).t() + shift
        x = torch.cat([self.embeddings.class_embedding.expand(n, 1, -1), x], 1)
        x = self.pre_layrnorm(x + self.embeddings.position_embedding.weight)
        for layer in self.encoder.layers[:-1]:
            x = layer(x)
        return x[:, 1:]


class ImageEmbedding(nn.Module):
    """vision_embed_tokens: tower, 2 x 2 merge, separators and projector."""

    def __init__(self, cfg: Config):
        super().__init__()
        c4, d = 4 * cfg.vision_hidden_size, cfg.hidden_size
        self.cfg = cfg
        self.img_processor = nn.Module()
        self.img_processor.vision_model = VisionModel(cfg)
        self.sub_GN = nn.Parameter(torch.randn(1, 1, 1, c4) * 0.3)
        self.glb_GN = nn.Parameter(torch.randn(1, 1, c4) * 0.3)
        self.img_projection = nn.Sequential(_linear(c4, d, True), nn.GELU(), _linear(d, d, True))

    def merged(self, pixels: Tensor) -> Tensor:
        """[N, g, g, 4C]: token (r, c) holds patches (2r,2c), (2r,2c+1), (2r+1,2c), (2r+1,2c+1)."""
        x, g = self.img_processor.vision_model(pixels), self.cfg.grid
        n, _, c = x.shape
        return x.view(n, g, 2, g, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(n, g, g, 4 * c)

    def tokens(self, pixels: Tensor) -> Tensor:
        """[N, g, g, D]: the projected tokens alone, for the dense lessons."""
        return self.img_projection(self.merged(pixels))

    def assemble(self, tokens: Tensor) -> Tensor:
        """Projected tokens [N, g, g, D] -> [N, (g*(g+1))*2 + 1, D] for one crop ("sub_glb")."""
        n, g, _, d = tokens.shape
        sub = self.img_projection(self.sub_GN).expand(n, g, 1, d)
        view = torch.cat([tokens, sub], 2).reshape(n, g * (g + 1), d)
        glb = self.img_projection(self.glb_GN).expand(n, 1, d)
        return torch.cat([view, glb, view], 1)


# ---------------------------------------------------------------- decoder

class RmsNorm(nn.Module):
    def __init__(self, d: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


def rope_tables(positions: Tensor, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """cos, sin [B, 1, T, d] for rotate-half."""
    inv = 1.0 / theta ** (torch.arange(0, head_dim, 2, device=positions.device).float() / head_dim)
    angle = positions[:, None, :, None].float() * inv
    angle = torch.cat([angle, angle], -1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


class DecoderAttention(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        d = cfg.hidden_size
        self.heads = cfg.num_attention_heads
        self.qkv_proj, self.o_proj = _linear(d, 3 * d, False), _linear(d, d, False, 0.3)

    def mix(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """Attention up to o_proj."""
        b, t, d = x.shape
        q, k, v = (y.view(b, t, self.heads, -1).transpose(1, 2) for y in self.qkv_proj(x).chunk(3, -1))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        y = attention(q, k, v, mask)
        return y.transpose(1, 2).reshape(b, t, d)


class DecoderMlp(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.gate_up_proj = _linear(cfg.hidden_size, 2 * cfg.intermediate_size, False)
        self.down_proj = _linear(cfg.intermediate_size, cfg.hidden_size, False, 0.3)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up_proj(x).chunk(2, -1)
        return self.down_proj(F.silu(gate) * up)


class DecoderLayer(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.input_layernorm = RmsNorm(cfg.hidden_size)
        self.self_attn = DecoderAttention(cfg)
        self.post_attention_layernorm = RmsNorm(cfg.hidden_size)
        self.mlp = DecoderMlp(cfg)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor, rows: Tensor | None = None) -> Tensor:
        """With `rows` (of the flattened batch) only these are finished: [rows, D]. It saves the last
        layer most of its work, since the loss looks at answers only."""
        y = self.self_attn.mix(self.input_layernorm(x), cos, sin, mask)
        if rows is not None:
            x, y = x.flatten(0, 1)[rows], y.flatten(0, 1)[rows]
        x = x + self.self_attn.o_proj(y)
        return x + self.mlp(self.post_attention_layernorm(x))


class Phi3V(nn.Module):
    def __init__(self, cfg: Config):
        super().__init__()
        self.cfg = cfg
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(cfg.vocab_size, cfg.hidden_size)
        nn.init.normal_(self.model.embed_tokens.weight, std=0.5)
        self.model.vision_embed_tokens = ImageEmbedding(cfg)
        self.model.layers = nn.ModuleList(DecoderLayer(cfg) for _ in range(cfg.num_hidden_layers))
        self.model.norm = RmsNorm(cfg.hidden_size)
        self.lm_head = _linear(cfg.hidden_size, cfg.vocab_size, False)

    @property
    def image(self) -> ImageEmbedding:
        return self.model.vision_embed_tokens

    def embed(self, ids: Tensor, image_embeds: Tensor | None) -> Tensor:
        """ids [B, T] with -1 at image positions, image_embeds [N, 85, D] in reading order."""
        x = self.model.embed_tokens(ids.clamp(min=0))
        if image_embeds is not None:
            x = x.masked_scatter((ids < 0)[..., None], image_embeds.reshape(-1, x.shape[-1]).to(x.dtype))
        return x

    def hidden(self, x: Tensor, positions: Tensor, mask: Tensor, rows: Tensor | None = None) -> Tensor:
        """mask: float [B, 1, T, T]. [B, T, D], or [rows, D] of the flattened batch."""
        cos, sin = rope_tables(positions, self.cfg.hidden_size // self.cfg.num_attention_heads, self.cfg.rope_theta)
        for layer in self.model.layers[:-1]:
            x = layer(x, cos, sin, mask)
        x = self.model.layers[-1](x, cos, sin, mask, rows)
        return self.model.norm(x)
