"""Turns scenes into packed training rows: one image prefix and behind it several independent
conversations, each seeing only the prefix and itself, with positions that restart after the prefix.
The token ids are those of the HF processor: the prompt is split at the image tag and each piece is
tokenised with BOS in front."""
from __future__ import annotations

import re

import numpy as np

import questions
import vocab
import wordings

IMAGE_TOKENS = 85
ROOM = 230  # tokens for conversations in a row: rows of one length waste no time on padding
DESCRIBE_SHARE = 0.4  # descriptions are long
TYPES = [*wordings.ASKED, "outside", "text"]
LOSS_WEIGHT = {"describe": 0.4, "outside": 0.3, "text": 0.3, "position": 1.3}
# How eagerly a type is taken into a row; 1 where nothing is said.
TAKEN = {"number": 4, "word": 4, "this-shape": 2, "is-colour": 1.5, "not": 1.5, "shape": 2, "colour-alone": 2, "shape-of": 1.3,
         "count-both": 0.8, "counts": 0.4, "written": 0.4, "any-colour": 0.7, "no-colour": 0.6, "position": 1.6, "describe": 1.5}
AT_MOST = {"number": 1, "word": 1}
_PRINTED = re.compile(r"\b[A-Z]{2,5}\b")


class Packer:
    def __init__(self) -> None:
        self.tok = vocab.tokenizer()
        self.vocab_size = vocab.vocab_size(self.tok)
        self.end = self.tok.token_to_id("<|end|>")
        self._cache: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        ids = self._cache.get(text)
        if ids is None:
            ids = self.tok.encode(text, add_special_tokens=False).ids
            if len(self._cache) < 200_000:
                self._cache[text] = ids
        return ids

    def answer(self, text: str) -> list[int]:
        """A printed word is spelled: one token a letter, whatever words the vocabulary holds."""
        if not _PRINTED.search(text):
            return self.encode(text)
        ids = []
        for word in text.split(" "):
            ids += [self.tok.token_to_id(c) for c in "▁" + word] if _PRINTED.match(word) else self.encode(word)
        return ids

    # ------------------------------------------------------------ pieces

    def question(self, q: str, first: bool) -> list[int]:
        """The first question follows the prefix, which already holds "▁" and the newline."""
        if first:
            return self.encode(f"\n{q}<|end|>\n<|assistant|>\n")[2:]
        return self.encode(f"\n<|user|>\n{q}<|end|>\n<|assistant|>\n")

    def image_prefix(self, system: str | None) -> list[int]:
        head = f"<|system|>\n{system}<|end|>\n<|user|>\n" if system else "<|user|>\n"
        return [1] + self.encode(head) + [-1] * IMAGE_TOKENS + [1] + self.encode("\n")

    def prompt(self, q: str) -> list[int]:
        """The full prompt of one question about one picture, as served."""
        return self.image_prefix(None) + self.question(q, True)

    # ------------------------------------------------------------ rows

    def row(self, prefix: list[int], conversations: list[list[tuple[str, str, str]]], first_ids) -> dict:
        ids, positions, segment = list(prefix), list(range(len(prefix))), [0] * len(prefix)
        at, targets, types, answers = [], [], [], []
        count = 0
        for number, turns in enumerate(conversations, 1):
            block: list[int] = []
            for i, (kind, q, a) in enumerate(turns):
                block += first_ids(q) if i == 0 else self.question(q, False)
                answer = self.answer(a) + [self.end]
                at += [len(ids) + len(block) - 1 + j for j in range(len(answer))]
                targets += answer
                types += [TYPES.index(kind)] * len(answer)
                answers += [count] * len(answer)
                count += 1
                block += answer
            ids += block
            positions += range(len(prefix), len(prefix) + len(block))
            segment += [number] * len(block)
        return {"ids": ids, "positions": positions, "segment": segment, "at": at, "targets": targets,
                "types": types, "answers": answers, "count": count}

    def image_row(self, scene: dict, rng) -> dict:
        # Two draws: the picture is dear, questions about it are cheap.
        both = questions.questions(scene, rng, positions=8) + questions.questions(scene, rng, positions=4)
        asked = list({turn[1]: turn for turn in both}.values())
        asked.sort(key=lambda t: -rng.random() ** (1 / TAKEN.get(t[0], 1)))
        limit = AT_MOST | {"describe": int(rng.random() < DESCRIBE_SHARE)}
        asked = [t for i, t in enumerate(asked) if sum(u[0] == t[0] for u in asked[:i]) < limit.get(t[0], 3)]
        conversations: list[list] = []
        room, join = ROOM, 0
        for kind, q, a in asked:
            room -= len(self.question(q, not join)) + len(self.answer(a)) + 1
            if room < 0:
                break
            if join:
                conversations[-1].append((kind, q, a))
                join -= 1
            else:  # mostly single turns, some conversations
                conversations.append([(kind, q, a)])
                join = 0 if rng.random() < 0.9 else rng.randint(1, 2)
        system = rng.choice(wordings.SYSTEMS) if rng.random() < 0.06 else None
        return self.row(self.image_prefix(system), conversations, lambda q: self.question(q, True))

    def text_row(self, rng) -> dict:
        turns = [[("text", *questions.text_turn(rng))] for _ in range(7)]
        prefix = [1]
        if rng.random() < 0.2:
            prefix += self.encode(f"<|system|>\n{rng.choice(wordings.SYSTEMS)}<|end|>\n")
            start = "\n<|user|>"  # the newline after <|end|> is a piece of its own
            return self.row(prefix[:-2], turns, lambda q: self.encode(f"{start}\n{q}<|end|>\n<|assistant|>\n"))
        return self.row(prefix, turns, lambda q: self.encode(f"<|user|>\n{q}<|end|>\n<|assistant|>\n"))

    def batch(self, scenes: list[dict], rng, text_share: float) -> dict[str, np.ndarray]:
        rows = [self.image_row(s, rng) for s in scenes]
        rows += [self.text_row(rng) for _ in scenes if rng.random() < text_share]
        longest = max(len(r["ids"]) for r in rows)
        ids = np.zeros((len(rows), longest), np.int64)
        positions, segment = ids.copy(), ids.copy() - 1
        for i, r in enumerate(rows):
            n = len(r["ids"])
            ids[i, :n], positions[i, :n], segment[i, :n] = r["ids"], r["positions"], r["segment"]
        same = segment[:, :, None] == segment[:, None]
        mask = np.tril(np.ones((longest, longest), bool)) & (same | (segment[:, None] == 0))
        join = lambda key: np.concatenate([np.array(r[key], np.int64) for r in rows])
        types = join("types")
        weights = np.array([LOSS_WEIGHT.get(t, 1.0) for t in TYPES], np.float32)[types]
        counts = np.cumsum([0] + [r["count"] for r in rows])
        return {"ids": ids, "positions": positions, "mask": np.where(mask, np.float32(0), np.float32(-1e9))[:, None],
                "rows": np.concatenate([np.array(r["at"], np.int64) + i * longest for i, r in enumerate(rows)]),
                "targets": join("targets"), "weights": weights, "types": types,
                "answers": np.concatenate([np.array(r["answers"], np.int64) + c for r, c in zip(rows, counts)])}

    def accuracies(self, predicted, batch: dict) -> dict[str, float]:
        """Share of answers that are right in every token (given the right tokens before)."""
        wrong = (predicted != batch["targets"]).cpu().numpy()
        answers, types = batch["answers"].cpu().numpy(), batch["types"].cpu().numpy()
        n = answers.max() + 1
        failed = np.bincount(answers, wrong, n) > 0
        kind = np.zeros(n, np.int64)
        kind[answers] = types
        return {t: float((~failed[kind == i]).mean()) for i, t in enumerate(TYPES) if (kind == i).any()}
