"""Trains the demo model, in stages that are run one after another:

    python train.py --stage vision  --minutes 40     the tower and projector on dense lessons
    python train.py --stage decoder --minutes 30     the decoder on questions, tower frozen
    python train.py --stage joint   --minutes 45     both, at a lower rate, with the lessons kept on

or, from a model that is there (warm_start.py), the last alone, whose dense lessons begin with a new head:

    python train.py --stage joint --init START --warm 100 --minutes 90

Without a GPU two processes of one thread each draw their own pictures and average gradients; with
one a single process is used. Every stage has a budget in minutes of processor time of each process, so that
company on the machine makes it longer but no worse: its learning rate follows the time used. A checkpoint
is written every two minutes, and the same command resumes after a break.
"""
from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from draw import compress, render, view
from labels import DenseHead, labels
from model import Config, Phi3V
from optim import Optimizer
from world import SHAPES, sample_scene

STAGES = ["vision", "decoder", "joint"]
# stage -> part -> (Muon rate, AdamW rate); FALL: share of the time in which they fall to zero
RATES = {"vision": {"vision": (0.007, 1.4e-3), "head": (0, 1.4e-3)}, "decoder": {"decoder": (0.007, 1.5e-3)},
         "joint": {"decoder": (0.010, 2e-3), "vision": (0.008, 1.4e-3), "head": (0, 2e-3)}}
FALL = {"vision": 0.4, "decoder": 0.25, "joint": 0.7}
SMOOTH = 0.97
# The shares of printed words that are random letters, in scenes of the world and in crowded ones, and of scenes with
# something to read, which is hardest to learn.
INVENTED, WRITTEN = (0.15, 0.4), 0.6
KINDS = [*SHAPES, "square", "rectangle"]  # twice, since it is harder to tell them apart than others


def picture(rng: random.Random, crowded: bool, max_long: int):
    scene = sample_scene(rng, crowded, max_long, INVENTED[crowded], WRITTEN, KINDS)
    return scene, view(compress(render(scene, rng), rng))


def schedule(stage: str, progress: float, steps: int) -> float:
    """`steps` since the part's first."""
    return min(1.0, (steps + 1) / 40) * min(1.0, max(0.02, (1 - progress) / FALL[stage]))


class Trainer:
    def __init__(self, args: argparse.Namespace, rank: int, world: int):
        self.args, self.rank, self.world = args, rank, world
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.stage = args.stage
        self.step, self.elapsed = 0, 0.0
        self.stats: dict[str, float] = {}
        # Matrix products in bfloat16 where the processor has instructions for it: 1.4 times as fast.
        fast = self.device == "cuda" or torch.cpu._is_avx512_bf16_supported()
        self.half = torch.autocast(self.device, dtype=torch.bfloat16, enabled=fast)
        self.path = args.out / f"{self.stage}.pt"
        self.vocab: dict[str, int] = {}
        if self.stage == "vision":
            cfg = Config(vocab_size=64)
        else:
            import sequences  # the vision stage needs no tokenizer
            self.packer = sequences.Packer()
            self.vocab = self.packer.tok.get_vocab()
            cfg = Config(vocab_size=self.packer.vocab_size)
        torch.manual_seed(args.seed)
        self.model, self.head = Phi3V(cfg), DenseHead(cfg.hidden_size)
        self._load()
        self.model.to(self.device), self.head.to(self.device)
        # (optimizer, Muon rate, AdamW rate) for each part
        self.parts = [(Optimizer(named), *RATES[self.stage][part]) for part, named in self._trained().items()]
        self.params = [p for optimizer, *_ in self.parts for p in optimizer.params]
        if self.resumed:
            for (optimizer, *_), state in zip(self.parts, self.resumed["optimizers"]):
                optimizer.load_state_dict(state)
        # Pictures differ by process and by resumption, and never repeat.
        self.rng = random.Random(f"{args.seed}/{self.stage}/{rank}/{self.step}")

    # ------------------------------------------------------------ set-up

    def _load(self) -> None:
        self.resumed, self.history = None, ""
        source = self.args.init
        if self.path.exists() and not self.args.fresh:
            self.resumed = torch.load(self.path, weights_only=False)
            self.step, self.elapsed = self.resumed["step"], self.resumed["elapsed"]
            state = self.resumed
        elif source or self.stage != "vision":
            source = source or self.args.out / f"{STAGES[STAGES.index(self.stage) - 1]}.pt"
            state = torch.load(source, weights_only=False)
        else:
            return
        self.history = state.get("history", "")
        if self.vocab and state.get("vocab", self.vocab) != self.vocab:
            raise SystemExit("the vocabulary has changed since: make a new start with warm_start.py")
        own = self.model.state_dict()
        fitting = {k: v for k, v in state["model"].items() if k in own and own[k].shape == v.shape}
        self.model.load_state_dict(fitting, strict=False)
        if "head" in state:
            self.head.load_state_dict(state["head"])
        self.log(f"loaded {len(fitting)} of {len(own)} tensors, step {self.step}")

    def _trained(self) -> dict[str, list]:
        """Named parameters of each part that the stage trains."""
        vision = [("model.vision_embed_tokens." + n, p) for n, p in self.model.image.named_parameters()
                  if f"layers.{self.model.cfg.vision_layers - 1}." not in n and "post_layernorm" not in n]
        decoder = [(n, p) for n, p in self.model.named_parameters() if "vision_embed_tokens" not in n]
        parts = {"decoder": decoder + [(n, p) for n, p in vision if n.endswith("_GN")],
                 "vision": [(n, p) for n, p in vision if not n.endswith("_GN")],
                 "head": [("head." + n, p) for n, p in self.head.named_parameters()]}
        return {part: parts[part] for part in RATES[self.stage]}

    def log(self, text: str) -> None:
        if self.rank == 0:
            line = f"{time.strftime('%H:%M:%S')} {self.stage} {text}"
            print(line, flush=True)
            with open(self.args.out / "train.log", "a") as f:
                f.write(line + "\n")

    def save(self) -> None:
        if self.rank:
            return
        temporary = self.path.with_suffix(".tmp")
        torch.save({"model": self.model.state_dict(), "head": self.head.state_dict(), "config": self.model.cfg.to_dict(),
                    "optimizers": [o.state_dict() for o, *_ in self.parts], "step": self.step, "elapsed": self.elapsed,
                    "history": self.history, **({"vocab": self.vocab} if self.vocab else {})}, temporary)
        temporary.rename(self.path)

    # ------------------------------------------------------------ losses

    def _dense_batch(self, scenes: list[dict]) -> list[torch.Tensor]:
        parts = zip(*(labels(s) for s in scenes))
        return [torch.from_numpy(np.stack(p)).to(self.device) for p in parts]

    def _draw(self, count: int, crowded: float) -> list:
        return [picture(self.rng, self.rng.random() < crowded, self.args.max_long) for _ in range(count)]

    def _tokens(self, drawn: list, learn: bool) -> torch.Tensor:
        pixels = torch.from_numpy(np.stack([p for _, p in drawn])).to(self.device)
        with self.half, torch.set_grad_enabled(learn):
            return self.model.image.tokens(pixels)

    def _loss_lessons(self, drawn: list, tokens: torch.Tensor) -> torch.Tensor:
        loss, stats = self.head(tokens.float(), *self._dense_batch([s for s, _ in drawn]))
        self._note(stats | {"lessons": loss.item()})
        return loss

    def _loss_answers(self, scenes: list[dict], tokens: torch.Tensor) -> torch.Tensor:
        batch = self.packer.batch(scenes, self.rng, self.args.text_only)
        batch = {k: torch.from_numpy(v).to(self.device) for k, v in batch.items()}
        with self.half:
            x = self.model.embed(batch["ids"], self.model.image.assemble(tokens))
            logits = self.model.lm_head(self.model.hidden(x, batch["positions"], batch["mask"], batch["rows"])).float()
        each = torch.nn.functional.cross_entropy(logits, batch["targets"], reduction="none")
        loss = (each * batch["weights"]).sum() / batch["weights"].sum()
        self._note(self.packer.accuracies(logits.argmax(-1), batch) | {"answers": loss.item()})
        return loss

    @property
    def warming(self) -> bool:
        return self.step < self.args.warm

    def _loss(self) -> torch.Tensor:
        if self.stage == "vision" or self.warming:
            drawn = self._draw(self.args.batch + self.args.extra, self.args.crowded)
            return self._loss_lessons(drawn, self._tokens(drawn, not self.warming))
        if self.stage == "decoder":
            drawn = self._draw(self.args.batch, 0)
            return self._loss_answers([s for s, _ in drawn], self._tokens(drawn, False))
        # The lessons go on, with further pictures for them alone.
        drawn = self._draw(self.args.batch, self.args.mix)
        count = len(drawn)
        drawn += self._draw(self.args.extra, self.args.crowded)
        tokens = self._tokens(drawn, True)
        loss = self._loss_answers([s for s, _ in drawn[:count]], tokens[:count])
        return loss + self.args.dense * self._loss_lessons(drawn, tokens)

    def _note(self, stats: dict[str, float]) -> None:
        for k, v in stats.items():
            if v == v:
                self.stats[k] = v if k not in self.stats else SMOOTH * self.stats[k] + (1 - SMOOTH) * v

    # ------------------------------------------------------------ loop

    def _average(self, seconds: float) -> float:
        """Averages gradients over the processes; returns the mean time of the step."""
        params = self.params
        flat = torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in params]
                         + [torch.tensor([seconds], device=self.device)])
        if self.world > 1:
            dist.all_reduce(flat)
            flat /= self.world
        norm = flat[:-1].norm()
        flat[:-1] *= min(1.0, 1.0 / (norm.item() + 1e-6)) if self.args.clip else 1.0
        at = 0
        for p in params:
            p.grad = flat[at:at + p.numel()].view_as(p)
            at += p.numel()
        return flat[-1].item()

    def run(self) -> None:
        budget = self.args.minutes * 60
        saved = shown = time.time()
        self.log(f"seed {self.args.seed}, budget {self.args.minutes} min, at {self.elapsed:.0f} s, step {self.step}, "
                 f"{sum(p.numel() for p in self.params)} parameters, torch {torch.__version__}, {self.device}")
        tick = time.process_time()
        while self.elapsed < budget:
            loss = self._loss()
            for p in self.params:
                p.grad = None
            loss.backward()
            # The first process' clock alone would do, but both must agree on the schedule.
            used, now = time.process_time(), time.time()
            self.elapsed += self._average(used - tick)
            tick = used
            rate = self.args.lr * schedule(self.stage, self.elapsed / budget, self.step - (0 if self.warming else self.args.warm))
            for optimizer, muon_lr, adam_lr in self.parts[-1:] if self.warming else self.parts:
                optimizer.step(muon_lr * rate, adam_lr * rate)
            self.step += 1
            if now - shown > 30:
                shown = now
                self.log(f"t={self.elapsed:.0f} step={self.step} lr={rate:.2f} "
                         + " ".join(f"{k}={v:.3f}" for k, v in self.stats.items()))
            if now - saved > 120:
                saved = now
                self.save()
        self.save()
        self.log("done " + json.dumps({k: round(v, 4) for k, v in self.stats.items()}))


def work(rank: int, args: argparse.Namespace, world: int) -> None:
    torch.set_num_threads(1 if world > 1 else args.threads)
    if world > 1:
        dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{args.port}", rank=rank, world_size=world)
    Trainer(args, rank, world).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[2] / "build" / "train", help="checkpoints and log")
    parser.add_argument("--init", type=Path, help="start from this checkpoint instead of the previous stage's")
    parser.add_argument("--fresh", action="store_true", help="do not resume this stage")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--warm", type=int, default=0, help="steps in which the lessons' head alone learns")
    parser.add_argument("--batch", type=int, default=24, help="pictures per process and step")
    parser.add_argument("--crowded", type=float, default=0.6, help="share of crowded scenes where lessons alone are learned")
    parser.add_argument("--mix", type=float, default=0.3, help="share of crowded scenes in the joint stage")
    parser.add_argument("--extra", type=int, default=0, help="further pictures for the lessons alone")
    parser.add_argument("--dense", type=float, default=0.3, help="weight of the dense lessons in the joint stage")
    parser.add_argument("--text-only", type=float, default=0.04, help="rows without a picture, per picture")
    parser.add_argument("--max-long", type=int, default=640, help="long side of pictures; large ones cost time")
    parser.add_argument("--lr", type=float, default=1.0, help="factor on all learning rates")
    parser.add_argument("--no-clip", dest="clip", action="store_false")
    parser.add_argument("--processes", type=int, default=1 if torch.cuda.is_available() else 2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--port", type=int, default=29511)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.processes == 1:
        work(0, args, 1)
    else:
        mp.spawn(work, (args, args.processes), nprocs=args.processes)


if __name__ == "__main__":
    main()
