"""Scores the exported checkpoint on pictures of the demo world that training never drew.

    python evaluate.py --offline ../../models/demo --pictures 500 --seed 99      in torch float32
    python evaluate.py --server http://127.0.0.1:8080 --pictures 200 --seed 99   through a server
    python evaluate.py --offline ../../models/demo --dir FOLDER                  FOLDER/qa.jsonl

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
from questions import questions
from world import sample_scene

GOALS = {"shape": 95, "colour": 95, "yesno": 95, "count": 90, "countc": 90, "number": 90, "position": 85}


def normal(answer: str) -> str:
    answer = answer.strip().lower().removesuffix(".")
    return re.sub(r"^(a|an|the) ", "", answer)


def fresh(count: int, seed: int):
    """Pictures as files (JPEG, PNG, WebP) with the world's own questions."""
    rng = random.Random(f"evaluation {seed}")
    for i in range(count):
        scene = sample_scene(rng)
        fmt = rng.choice(["JPEG", "PNG", "WEBP"])
        data = encode(render(scene, rng), fmt, rng)
        yield f"{i:04}.{fmt.lower()}", data, questions(scene, rng, own_words=True)


def given(folder: Path):
    for line in (folder / "qa.jsonl").read_text().splitlines():
        row = json.loads(line)
        data = next(p for p in (folder / "images" / row["image"], folder / row["image"]) if p.exists()).read_bytes()
        yield row["image"], data, [(qa["type"], qa["q"], qa["a"]) for qa in row["qa"]]


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


def table(right: Counter, total: Counter) -> str:
    lines = ["| type | right | asked | % | goal |", "|---|---|---|---|---|"]
    for kind in [k for k in list(GOALS) + ["describe"] if total[k]]:
        share = 100 * right[kind] / total[kind]
        lines.append(f"| {kind} | {right[kind]} | {total[kind]} | {share:.1f} | {GOALS.get(kind, '')} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--offline", type=Path, help="checkpoint folder")
    where.add_argument("--server", help="base URL of an OpenAI-compatible server")
    parser.add_argument("--dir", type=Path, help="folder with qa.jsonl and images instead of fresh pictures")
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--seed", type=int, default=99)
    parser.add_argument("--misses", type=int, default=0, help="show this many wrong answers")
    args = parser.parse_args()
    target = Offline(args.offline) if args.offline else Server(args.server)
    right, total, shown, start = Counter(), Counter(), 0, time.time()
    for name, data, asked in given(args.dir) if args.dir else fresh(args.pictures, args.seed):
        for kind, question, answer in asked:
            got = target.ask(data, question)
            good = normal(got) == normal(answer)
            right[kind] += good
            total[kind] += 1
            if not good and shown < args.misses:
                shown += 1
                print(f"{name}: {question} -> {got!r}, expected {answer!r}")
    source = args.dir.name if args.dir else f"{args.pictures} fresh pictures, seed {args.seed}"
    print(f"{source}; {'offline, float32' if args.offline else 'through the server'}; {time.time() - start:.0f} s\n")
    print(table(right, total))


if __name__ == "__main__":
    main()
