"""Writes the model card models/demo/README.md from the checkpoint's numbers and the scores' table.

    python card.py --model ../../models/demo --checkpoint CHECKPOINT --scores SCORES.md
"""
from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path

import torch

from train import STAGES
from wordings import ASKED, expansions
from world import COLOUR_NAMES, WORDS

WIDTH = 118
CARD = """# Demo model

A tiny model of Phi-3.5-Vision's architecture that answers questions about pictures of coloured shapes,
numbers and short words. It is built into the program so that a fresh clone and a copied binary answer; it knows
nothing else. `OCELLUS_DEMO_MODEL` names a folder to take in its place.

| | |
|---|---|
| Parameters | {parameters:.2f} M, {size:.1f} MB as MLX {bits}-bit weights in groups of 64 |
| Vision tower | CLIP, width {vw}, {vl} layers (the feature is the output of the last but one), {vh} heads, MLP {vm}; 336 x 336, patch 28 |
| Image tokens | 85 for one crop (`num_crops` 1) |
| Decoder | width {d}, {layers} layers, {heads} heads, SwiGLU {mlp}, untied head, plain rope |
| Vocabulary | {vocab} rows; BPE with byte fallback, every word of the world one token, digits apart |
| Files | those of `mlx-community/Phi-3.5-vision-instruct-4bit`, same names and layout |

## Data

All of it is drawn by `tools/train/`: no picture, text or weight comes from elsewhere. A picture shows 0 to 5
circles, squares, rectangles, triangles and stars in {colours} colours ({names}), upright or turned by up to 14 degrees,
and at most one number of 1 to 4 digits or word of 2 to 5 capitals (sans-serif fonts; {words} words, and in training
random letters), on a light or dark background (plain, gradient, noise, pure black or white), 48 to 800 pixels long, now
and then with the traces of JPEG or WebP. Below 96 pixels a picture shows up to three shapes and nothing to read.

{types} types of questions in {wordings} wordings, with and without capitals and final mark; a few turns outside the world get a
sentence of refusal. `tools/train/wordings.py` lists them, and those that training never asks, which the scores are
taken with. Answers about one object leave the article out ("Red star.").

## Recipe

On two CPU cores, of random weights:
{stages}.
First the tower learns dense lessons per patch (shape, colour, digit or letter, and at each object's centre its
neighbours, rank and how many share its colour) with a head that is thrown away; then the decoder learns to answer with
the tower frozen; then both together at a low rate. What came later (colours, rectangles, small pictures, words, other
wordings) was learned on from the shipped, quantised weights, both parts together. Muon for matrices, AdamW for the rest.
`tools/train/README.md` has the commands.

## Scores

The shipped, quantised weights, greedy, on pictures of a seed that training never used. Compared without case,
final full stop and leading article; `describe` word for word.

{scores}

## Limits

Objects outside this world get a guess in this world's words. Small numbers with four digits and neighbours near
the diagonal are its weak points; words of other letters than capitals were not taught. Several pictures in one prompt were
not trained.

Licence: MIT.
"""


def stages(folder: Path, checkpoint: dict) -> str:
    parts = [checkpoint["history"]] if checkpoint.get("history") else []
    for stage in STAGES:
        path = folder / f"{stage}.pt"
        if path.exists():
            state = torch.load(path, weights_only=False, map_location="cpu")
            parts.append(f"{stage} {state['elapsed'] / 60:.0f} min, {state['step']} steps")
    return ";\n".join(parts)


def wrapped(text: str) -> str:
    """Paragraphs with a line that is too long are set anew."""
    parts = text.split("\n\n")
    return "\n\n".join(p if p.startswith("|") or max(map(len, p.split("\n"))) <= WIDTH else textwrap.fill(p, WIDTH) for p in parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--scores", type=Path, required=True)
    args = parser.parse_args()
    c = json.loads((args.model / "config.json").read_text())
    v = c["vision_config"]
    state = torch.load(args.checkpoint, weights_only=False, map_location="cpu")
    card = CARD.format(
        parameters=sum(t.numel() for t in state["model"].values()) / 1e6, size=(args.model / "model.safetensors").stat().st_size / 1e6,
        bits=c["quantization"]["bits"], vw=v["hidden_size"], vl=v["num_hidden_layers"], vh=v["num_attention_heads"], vm=v["intermediate_size"],
        d=c["hidden_size"], layers=c["num_hidden_layers"], heads=c["num_attention_heads"], mlp=c["intermediate_size"], vocab=c["vocab_size"],
        stages=stages(args.checkpoint.parent, state),
        colours=len(COLOUR_NAMES), names=", ".join(COLOUR_NAMES), words=len(WORDS), types=len(ASKED),
        wordings=len(set().union(*(expansions(w) for ws in ASKED.values() for w in ws))), scores=args.scores.read_text().strip())
    (args.model / "README.md").write_text(wrapped(card))


if __name__ == "__main__":
    main()
