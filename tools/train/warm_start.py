"""Makes a training checkpoint of an exported folder, so that a model that knows less of the world learns on
instead of from random weights. Weights are de-quantised; the rows of the vocabulary move with their
tokens. A new token begins near its like: capitals near the same word in lower case, letters of printed
words near the digits, anything else at the mean row.

    python warm_start.py --from ../../models/demo --to ../../build/train/start.pt
"""
from __future__ import annotations

import argparse
import json
import re
import string
import sys
from pathlib import Path

import torch
from torch import Tensor

import vocab
from model import Config, Phi3V
from world import COLOUR_NAMES

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reference"))
from phi3v_torch import Weights  # noqa: E402


def like(token: str, old: dict[str, int]) -> list[int]:
    """Rows to begin near: the first of these that are there."""
    bare = token.strip("▁")
    if token in string.ascii_uppercase:  # printed words are spelled as numbers are
        return [old[d] for d in string.digits]
    other = "▁" if not token.startswith("▁") else ""
    same = [old[t] for t in (token.lower(), other + bare, other + bare.lower()) if t in old]
    if same:
        return same[:1]
    if bare.lower() in COLOUR_NAMES:
        lead = "▁" if token.startswith("▁") else ""
        form = str.capitalize if bare[:1].isupper() else str.lower
        return [old[lead + form(c)] for c in COLOUR_NAMES if lead + form(c) in old]
    return []


def moved(rows: Tensor, old: dict[str, int], new: dict[str, int], noise: Tensor) -> Tensor:
    out = rows.mean(0) + rows.std(0) * noise
    for token, i in new.items():
        if token in old and token not in string.ascii_uppercase:
            out[i] = rows[old[token]]
        elif near := like(token, old):
            out[i] = rows[near].mean(0) + 0.3 * rows.std(0) * noise[i]
    return out


def tokens(tokenizer: dict) -> dict[str, int]:
    return tokenizer["model"]["vocab"] | {t["content"]: t["id"] for t in tokenizer["added_tokens"]}


def history(card: Path) -> str:
    """What the model card tells of the training so far."""
    told = re.search(r"[Oo]n two CPU cores, of random weights:\s(.*?)\.\s|on two CPU cores\s\((.*?)\)\.", card.read_text(), re.S)
    assert told, f"{card} tells no recipe"
    return " ".join((told[1] or told[2]).split())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="folder", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    torch.manual_seed(1)
    weights = Weights(args.folder)
    tok = vocab.tokenizer()
    cfg = Config(vocab_size=vocab.vocab_size(tok))
    old, new = (tokens(t) for t in (json.loads((args.folder / "tokenizer.json").read_text()), vocab.build()))
    state = Phi3V(cfg).state_dict()
    noise = torch.randn(cfg.vocab_size, cfg.hidden_size)
    for name, value in state.items():
        got = weights[name]
        if value.shape[0] == cfg.vocab_size and got.shape != value.shape:
            got = moved(got, old, new, noise)
        assert got.shape == value.shape, f"{name}: {tuple(got.shape)}, not {tuple(value.shape)}"
        state[name] = got
    args.to.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model": state, "config": cfg.to_dict(), "vocab": tok.get_vocab(), "step": 0, "elapsed": 0.0,
                "history": history(args.folder / "README.md")}, args.to)
    kept = sum(t in old for t in new)
    print(f"{args.to}: {len(state)} tensors, {kept} of {len(new)} tokens were known")


if __name__ == "__main__":
    main()
