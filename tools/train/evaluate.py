"""Scores the exported checkpoint on pictures of the demo world that training never drew, in the world's own
wordings, in others that training asks, and in those that it never does (wordings.py).

    python evaluate.py --offline ../../models/demo --pictures 500 --seed 99      in torch float32
    python evaluate.py --server http://127.0.0.1:8080 --pictures 200 --seed 99   through a server
    python evaluate.py --offline ../../models/demo --dir FOLDER                  FOLDER/qa.jsonl
    python evaluate.py --write FOLDER --pictures 200          pictures and qa.jsonl, for world.py --check

Answers are compared without case, final full stop and leading article.
"""
from __future__ import annotations

import argparse
import base64
import io
import json
import random
import re
import sys
import time
from collections import Counter
from pathlib import Path

from PIL import Image

from draw import encode, render
from questions import forms, questions
from wordings import HELD_OUT
from world import SMALL, sample_scene, shapes_of

GOALS = {"shape": 95, "colour": 95, "yesno": 95, "count": 90, "countc": 90, "number": 90, "position": 85}
GOAL = 90  # of every type in other words
OWN, TAUGHT, NEVER, TINY = "own wordings", "others taught", "held out", "small, one shape"


def normal(answer: str) -> str:
    answer = answer.strip().lower().removesuffix(".")
    return re.sub(r"^(a|an|the) ", "", answer)


def fresh(count: int, seed: int):
    """(name, scene, file's bytes, what is asked) of pictures as files (JPEG, PNG, WebP), and of a fifth as many
    small ones with one shape."""
    rng = random.Random(f"evaluation {seed}")
    for i in range(count + count // 5):
        scene = sample_scene(rng)
        while i >= count and not (max(scene["w"], scene["h"]) < SMALL and len(scene["objs"]) == 1):
            scene = sample_scene(rng)
        fmt = rng.choice(["JPEG", "PNG", "WEBP"])
        data = encode(render(scene, rng), fmt, rng)
        asked = {OWN: questions(scene, rng, own_words=True), TAUGHT: forms(scene, rng, False), NEVER: forms(scene, rng, True)}
        turns = [(name if i < count else TINY, *turn) for name, turns in asked.items() for turn in turns]
        yield f"{i:04}.{fmt.lower()}", scene, data, turns


def given(folder: Path):
    for line in (folder / "qa.jsonl").read_text().splitlines():
        row = json.loads(line)
        data = next(p for p in (folder / "images" / row["image"], folder / row["image"]) if p.exists()).read_bytes()
        yield row["image"], row["scene"], data, [(qa.get("set", OWN), qa["type"], qa["q"], qa["a"]) for qa in row["qa"]]


def write(folder: Path, pictures) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    with open(folder / "qa.jsonl", "w") as f:
        for name, scene, data, asked in pictures:
            (folder / "images" / name).write_bytes(data)
            qa = [dict(zip(("set", "type", "q", "a"), turn)) for turn in asked]
            f.write(json.dumps({"image": name, "scene": scene, "qa": qa}) + "\n")


class Offline:
    """The exported files alone: tokenizer.json, preprocessor_config.json, quantised weights."""

    def __init__(self, folder: Path):
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reference"))
        import phi3v_torch as reference
        import torch
        from tokenizers import Tokenizer
        torch.set_num_threads(1)
        self.torch, self.reference = torch, reference
        self.weights = reference.Weights(folder)
        self.tok = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.crops = json.loads((folder / "preprocessor_config.json").read_text())["num_crops"]
        eos = json.loads((folder / "generation_config.json").read_text())["eos_token_id"]
        self.stop = set(eos if isinstance(eos, list) else [eos])
        self.decoder = reference.Decoder(self.weights)
        self.picture, self.cache = None, []

    def ask(self, data: bytes, question: str) -> str:
        with self.torch.no_grad():
            if data is not self.picture:  # the part of the prompt up to the image is kept
                processed = self.reference.Processed(Image.open(io.BytesIO(data)), self.crops, self.weights.config)
                features = self.reference.clip_hidden_states(self.weights, processed.pixels)[-2][:, 1:]
                images = self.reference.image_embeds(self.weights, features, processed.crops)
                ids = self.tok.encode("<|user|>\n").ids + [-1] * processed.tokens
                self.picture, self.cache = data, []
                self.decoder(self.decoder.embed(ids, images), self.cache)
            cache = list(self.cache)
            ids, answer = self.tok.encode(f"\n{question}<|end|>\n<|assistant|>\n").ids, []
            for _ in range(64):
                normed = self.decoder(self.decoder.embed(ids), cache)[1]
                token = int(self.decoder.logits(normed[-1]).argmax())
                if token in self.stop:
                    break
                answer.append(token)
                ids = [token]
            return self.tok.decode(answer)


class Server:
    def __init__(self, url: str):
        from openai import OpenAI
        self.client = OpenAI(base_url=url.rstrip("/") + ("" if url.rstrip("/").endswith("/v1") else "/v1"), api_key="none")
        self.model = self.client.models.list().data[0].id

    def ask(self, data: bytes, question: str) -> str:
        kind = Image.open(io.BytesIO(data)).format.lower()
        uri = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
        reply = self.client.chat.completions.create(
            model=self.model, temperature=0, max_tokens=64,
            messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": uri}},
                                                   {"type": "text", "text": question}]}])
        return reply.choices[0].message.content


def share(right: Counter, total: Counter, key) -> str:
    return f"{100 * right[key] / total[key]:.1f} ({right[key]}/{total[key]})" if total[key] else ""


def table(right: Counter, total: Counter) -> str:
    """Counters by (set, type)."""
    kinds = list(GOALS) + ["describe"]
    lines = ["| type | right | asked | % | goal |", "|---|---|---|---|---|"]
    for kind in [k for k in kinds if total[OWN, k]]:
        percent = 100 * right[OWN, kind] / total[OWN, kind]
        lines.append(f"| {kind} | {right[OWN, kind]} | {total[OWN, kind]} | {percent:.1f} | {GOALS.get(kind, '')} |")
    others = [k for k in HELD_OUT if total[TAUGHT, k] or total[NEVER, k]]
    if others:
        lines += ["", f"| in other words, goal {GOAL} | % of wordings taught | % of wordings held out |", "|---|---|---|"]
        for name in (TAUGHT, NEVER):
            for counter in (right, total):
                counter[name, "all"] = sum(counter[name, k] for k in others)
        lines += [f"| {k} | {share(right, total, (TAUGHT, k))} | {share(right, total, (NEVER, k))} |" for k in [*others, "all"]]
    tiny = [sum(n for (name, _), n in counter.items() if name == TINY) for counter in (right, total)]
    if tiny[1]:
        lines += ["", f"Pictures of 48 to {SMALL} pixels with one shape, all types: {100 * tiny[0] / tiny[1]:.1f} % of {tiny[1]}."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--offline", type=Path, help="checkpoint folder")
    where.add_argument("--server", help="base URL of an OpenAI-compatible server")
    where.add_argument("--write", type=Path, help="ask nothing, write what would be asked")
    parser.add_argument("--dir", type=Path, help="folder with qa.jsonl and images instead of fresh pictures")
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--seed", type=int, default=99)
    parser.add_argument("--misses", type=int, default=0, help="show this many wrong answers of each type")
    args = parser.parse_args()
    pictures = given(args.dir) if args.dir else fresh(args.pictures, args.seed)
    if args.write:
        return write(args.write, pictures)
    target = Offline(args.offline) if args.offline else Server(args.server)
    right, total, shown, start = Counter(), Counter(), Counter(), time.time()
    for name, _, data, asked in pictures:
        for where_asked, kind, question, answer in asked:
            got = target.ask(data, question)
            good = normal(got) == normal(answer)
            right[where_asked, kind] += good
            total[where_asked, kind] += 1
            if not good and shown[where_asked, kind] < args.misses:
                shown[where_asked, kind] += 1
                print(f"{name}, {where_asked}, {kind}: {question} -> {got!r}, expected {answer!r}")
    source = args.dir.name if args.dir else f"{args.pictures} fresh pictures, seed {args.seed}"
    print(f"{source}; {'offline, float32' if args.offline else 'through the server'}; {time.time() - start:.0f} s\n")
    print(table(right, total))


if __name__ == "__main__":
    main()
