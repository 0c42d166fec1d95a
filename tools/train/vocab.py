"""The demo model's tokenizer: a small BPE with byte fallback in the very form of Phi-3.5-Vision's
tokenizer.json, in which every word of the world is one token and digits stand apart.

    python vocab.py OUT_DIR      writes tokenizer.json, tokenizer_config.json, special_tokens_map.json
"""
from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import wordings
from world import COLOUR_NAMES, SHAPES

# Listed in Phi-3.5-Vision's order. (content, rstrip, special)
ADDED = [("<|endoftext|>", False, True), ("<|assistant|>", True, True), ("<|system|>", False, True),
         ("<|end|>", False, True), ("<|user|>", False, True), ("<|image|>", True, True)]
ASCII = [chr(c) for c in range(33, 127)]
TEMPLATE = ("{% for message in messages %}{{'<|' + message['role'] + '|>' + '\n' + message['content'] + '<|end|>\n' }}"
            "{% endfor %}{% if add_generation_prompt and messages[-1]['role'] != 'assistant' %}"
            "{{- '<|assistant|>\n' -}}{% endif %}")


def words() -> list[str]:
    asked = [w for table in (wordings.ASKED, wordings.HELD_OUT) for ws in table.values() for w in ws]
    asked += [w for ws in wordings.SIDES.values() for w in ws] + COLOUR_NAMES + ["gray"] + SHAPES + [s + "s" for s in SHAPES]
    other = wordings.OUTSIDE_QUESTIONS + wordings.GREETINGS + wordings.SYSTEMS + wordings.SHORT
    said = [wordings.OUTSIDE, wordings.NO_PICTURE, wordings.GREETING, "Please No. Yes. None. Nothing. An A The the number word",
            "nothing on a light dark background and an", *(w.capitalize() for w in COLOUR_NAMES + SHAPES)]
    of = lambda texts: {w for t in texts for w in re.findall(r"[A-Za-z]+", re.sub(r"\{\w\}s?", " ", t))}
    found = of(asked + other + said)
    found |= {w.lower() for w in found} | {w.upper() for w in of(asked)}
    # The first word of a turn has no "▁"; a choice at a wording's beginning may make it any of its words.
    starts = {"Please"} | of(re.findall(r"^[^() ]+|^\([^()]*\)", w)[0] for w in asked)
    starts |= {w.upper() for w in starts} | of(t.split()[0] for t in other)
    starts |= {w.lower() for w in starts}
    return ["▁" + w for w in sorted(found)] + sorted(starts)


def build() -> dict:
    """The content of tokenizer.json."""
    # A trainer on single words never merges across words, digits or punctuation; it runs until
    # every word is one token. Ties are broken by the order of the words, so this is repeatable.
    trainer = trainers.BpeTrainer(vocab_size=100_000, min_frequency=1, show_progress=False,
                                  initial_alphabet=["▁"] + ASCII, special_tokens=[])
    bpe = Tokenizer(models.BPE())
    listed = words()
    bpe.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    bpe.train_from_iterator([" ".join(listed)], trainer)
    model = json.loads(bpe.to_str())["model"]
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for b in range(256):
        vocab[f"<0x{b:02X}>"] = len(vocab)
    for piece in sorted(model["vocab"], key=model["vocab"].get):
        vocab[piece] = len(vocab)
    added = [{"id": i, "content": c, "single_word": False, "lstrip": False, "rstrip": c == "</s>",
              "normalized": False, "special": c != "</s>"} for i, c in enumerate(["<unk>", "<s>", "</s>"])]
    added += [{"id": len(vocab) + i, "content": c, "single_word": False, "lstrip": False, "rstrip": r,
               "normalized": False, "special": s} for i, (c, r, s) in enumerate(ADDED)]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                                                           {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                           "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                                    {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
                           "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                                                     {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False, "vocab": vocab, "merges": merges},
    }


def tokenizer() -> Tokenizer:
    return Tokenizer.from_str(json.dumps(build()))


def vocab_size(tok: Tokenizer) -> int:
    return -(-tok.get_vocab_size() // 64) * 64  # rounded up, as the original's 32064


def write(folder: Path) -> None:
    content = build()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    decoder = {str(t["id"]): {k: t[k] for k in ("content", "lstrip", "normalized", "rstrip", "single_word", "special")}
               for t in content["added_tokens"]}
    config = {"add_bos_token": True, "add_eos_token": False, "add_prefix_space": None, "added_tokens_decoder": decoder,
              "additional_special_tokens": ["<|system|>", "<|end|>", "<|user|>", "<|end|>"],
              "bos_token": "<s>", "chat_template": TEMPLATE, "clean_up_tokenization_spaces": False,
              "eos_token": "<|endoftext|>", "legacy": False, "model_max_length": 4096, "pad_token": "<|endoftext|>",
              "padding_side": "right", "processor_class": "Phi3VProcessor", "sp_model_kwargs": {},
              "tokenizer_class": "LlamaTokenizer", "unk_token": "<unk>", "use_default_system_prompt": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    special: dict = {"additional_special_tokens": config["additional_special_tokens"]}
    special |= {k: {"content": c, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
               for k, c in (("bos_token", "<s>"), ("eos_token", "<|endoftext|>"), ("pad_token", "<|endoftext|>"), ("unk_token", "<unk>"))}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    tok = Tokenizer.from_file(str(Path(sys.argv[1]) / "tokenizer.json"))
    print(tok.get_vocab_size(), "tokens")
