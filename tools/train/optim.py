"""Muon for matrices (momentum whose update is made orthogonal by Newton-Schulz steps) and AdamW for
everything else. Muon learns these small models several times faster than AdamW alone."""
from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn


def orthogonalise(g: Tensor, steps: int = 5) -> Tensor:
    """[n, rows, cols] -> nearest orthogonal matrices, roughly (quintic Newton-Schulz, in bfloat16)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    flip = g.shape[1] > g.shape[2]
    x = g.transpose(1, 2) if flip else g
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    for _ in range(steps):
        s = x @ x.transpose(1, 2)
        x = a * x + (b * s + c * s @ s) @ x
    return (x.transpose(1, 2) if flip else x).to(g.dtype)


class Muon:
    """With several processes each makes the updates of a part of the matrices."""

    def __init__(self, params: list[nn.Parameter], momentum: float = 0.95):
        self.momentum = momentum
        self.groups: dict[tuple, list[nn.Parameter]] = {}
        for p in params:
            self.groups.setdefault(tuple(p.shape), []).append(p)
        self.buffers = {shape: torch.zeros(len(ps), *shape) for shape, ps in self.groups.items()}

    @torch.no_grad()
    def step(self, lr: float) -> None:
        if not self.groups:
            return
        shared = dist.is_initialized()
        rank, world = (dist.get_rank(), dist.get_world_size()) if shared else (0, 1)
        updates = []
        for shape, ps in self.groups.items():  # equal shapes in one batch
            grads = torch.stack([p.grad for p in ps])
            buf = self.buffers[shape]
            buf.mul_(self.momentum).add_(grads)
            update = torch.zeros_like(grads)
            mine = slice(rank * len(ps) // world, (rank + 1) * len(ps) // world)
            if mine.stop > mine.start:
                update[mine] = orthogonalise((grads + self.momentum * buf)[mine])
            updates.append(update * max(1.0, shape[0] / shape[1]) ** 0.5)
        flat = torch.cat([u.flatten() for u in updates])
        if shared:
            dist.all_reduce(flat)
        at = 0
        for shape, ps in self.groups.items():
            for p in ps:
                p.mul_(1 - lr * 0.02).sub_(lr * flat[at:at + p.numel()].view_as(p))
                at += p.numel()

    def state_dict(self) -> dict:
        return self.buffers

    def load_state_dict(self, state: dict) -> None:
        for shape, buf in state.items():
            if shape in self.buffers and self.buffers[shape].shape == buf.shape:
                self.buffers[shape].copy_(buf)


class Optimizer:
    """Both together, over named parameters. Embeddings, the output head, the patch convolution,
    the throw-away head and all vectors go to AdamW."""

    def __init__(self, named: list[tuple[str, nn.Parameter]]):
        apart = ("embed", "lm_head", "head.")
        matrices = [p for n, p in named if p.ndim == 2 and not any(a in n.replace("vision_embed_tokens", "v") for a in apart)]
        ids = {id(p) for p in matrices}
        self.params = [p for _, p in named]
        self.muon = Muon(matrices)
        self.adam = torch.optim.AdamW([p for _, p in named if id(p) not in ids], lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)

    def step(self, muon_lr: float, adam_lr: float) -> None:
        self.muon.step(muon_lr)
        for group in self.adam.param_groups:
            group["lr"] = adam_lr
        self.adam.step()

    def state_dict(self) -> dict:
        return {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
