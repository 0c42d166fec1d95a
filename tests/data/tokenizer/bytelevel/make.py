"""Writes two small byte-level tokenizers, and beside each what Hugging Face tokenizers makes of it.
Needs `pip install tokenizers==0.21.4`.

digits.json: digits apart, special tokens in front of the vocabulary and behind it, merges as pairs, and
bytes without a token (SmolLM2 lacks the same). runs.json: all bytes, merges as strings, added tokens for
runs of spaces and tabs (as CodeGen has them), and added tokens with every flag.

Lines of NAME.jsonl: {"kind": "encode", "text", "ids" (added tokens matched), "plain_ids" (special tokens
are ordinary text; null where the text has an added token that is neither special nor white space)} or
{"kind": "decode", "ids", "text", "text_skip_special"}.
"""

import json
import pathlib
import random

import tokenizers
from tokenizers import models, pre_tokenizers, trainers

SEED = 22
HERE = pathlib.Path(__file__).parent
WITHOUT_TOKEN = [0x04, 0x06, 0x13, 0x14, 0x16, 0x1D, 0xC0, 0xC1, 0xF1, 0xF2, *range(0xF5, 0x100)]

CORPUS = """The quick brown fox doesn't jump over the lazy dog; it's 1234 metres away, they've said.
  We'll see: "x = f(y)\\n", and I'm sure that you'd like that.  They're there.\r\n\r\n
\tfor i in range(10):\n\t\tprint(i, 'twice')\n    return    None\n\n\nThe picture shows the red circle
and the blue square. There is one dog in the picture, and there are two cats; the cats' tails are long.
Die Größe der Straße überrascht. Où est la bibliothèque? El niño comió piñas. Быстрая лиса прыгает.
敏捷的棕色狐狸。日本語のテキスト、日本。Γρήγορη αλεπού. नमस्ते दुनिया। 🦙🦙🎄 – “quoted” … ½ ² Ⅻ ٣
"""


def letters():
    """GPT-2's alphabet, byte -> letter."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {byte: chr(byte) for byte in shown}
    rest = (byte for byte in range(256) if byte not in table)
    return table | {byte: chr(0x100 + i) for i, byte in enumerate(rest)}


def learned_merges(pre_tokenizer, count, missing):
    """The first merges that the library learns from the corpus, those with missing letters left out."""
    trained = tokenizers.Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(vocab_size=256 + count, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    trained.train_from_iterator([CORPUS] * 3, trainer)
    merges = json.loads(trained.to_str())["model"]["merges"]
    return [merge for merge in merges if not set("".join(merge)) & missing]


def added(token_id, content, **flags):
    token = {"id": token_id, "content": content, "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False, "special": True}
    return token | flags


def document(pre_tokenizer, post_processor, vocab, merges, added_tokens, **model):
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added_tokens,
        "normalizer": None, "pre_tokenizer": pre_tokenizer, "post_processor": post_processor,
        "decoder": byte_level(add_prefix_space=True),
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "ignore_merges": False, "vocab": vocab, "merges": merges} | model,
    }


def byte_level(**flags):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True} | flags


def make_digits():
    table = letters()
    missing = {table[byte] for byte in WITHOUT_TOKEN}
    steps = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    merges = learned_merges(pre_tokenizers.Sequence(steps), 180, missing)
    special = ["<|endoftext|>", "<|start|>", "<|end|>"]
    tokens = special + sorted(set(table.values()) - missing)
    for merge in merges:
        if "".join(merge) not in tokens:
            tokens.append("".join(merge))
    added_tokens = [added(i, content) for i, content in enumerate(special)]
    for content in ["<global-img>", "<row_1_col_1>", "<row_1_col_2>", "<image>", "<end_of_turn>"]:
        added_tokens.append(added(len(tokens) + len(added_tokens) - len(special), content))
    return document({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True},
                                                           byte_level()]},
                    None, {token: i for i, token in enumerate(tokens)}, merges, added_tokens)


def make_runs():
    table = letters()
    merges = learned_merges(pre_tokenizers.ByteLevel(add_prefix_space=False), 180, set())
    tokens = sorted(table.values())
    for merge in merges:
        if "".join(merge) not in tokens:
            tokens.append("".join(merge))
    tokens.append("<|endoftext|>")
    added_tokens = [added(len(tokens) - 1, "<|endoftext|>")]

    def add(content, **flags):
        added_tokens.append(added(len(tokens) + len(added_tokens) - 1, content, **flags))

    for run in [" " * n for n in range(7, 1, -1)] + ["\t" * n for n in range(4, 1, -1)]:
        add(run, special=False, normalized=True)
    add("<left>", lstrip=True)
    add("<right>", rstrip=True)
    add("<both>", lstrip=True, rstrip=True, normalized=True)
    add("<word>", special=False, normalized=True)
    add("ord>!", special=False)  # is looked for before "<word>"
    return document(byte_level(), byte_level(), {token: i for i, token in enumerate(tokens)},
                    [" ".join(merge) for merge in merges], added_tokens,
                    continuing_subword_prefix="", end_of_word_suffix="")


WHITE = " \t\n\r\v\f\x85\u00a0\u1680\u2003\u2028\u202f\u3000"
OTHERS = "\x00\x04\x1d\x7f\u00ad\u180e\u200b\u200d\ufeff\u0301\u0378\ufffd\U000e0001\U000f1234\U00040000"
WORDS = ["the", "picture", " the", " dog", "'s", "'S", "'ll", "'re", " 'd", "Straße", "日本", "лиса", "🦙", "🎄",
         "नमस्ते", "12", " 7", "½", "²", "Ⅻ", "٣", "一", " ", "  ", "   ", "        ", "\t\t", "\n\n", "“quoted”", "--"]


def random_text(rng, contents):
    out = ""
    for _ in range(rng.randrange(1, 16)):
        kind = rng.random()
        if kind < 0.45:
            out += rng.choice(WORDS)
        elif kind < 0.6:
            out += rng.choice(WHITE)
        elif kind < 0.7:
            out += rng.choice(OTHERS)
        elif kind < 0.8:
            out += chr(rng.randrange(0x21, 0x7F))
        elif kind < 0.9:
            out += rng.choice(contents)
        else:
            code = rng.choice([rng.randrange(0x80, 0x3000), rng.randrange(0x10000, 0x1F000), rng.randrange(0x110000)])
            out += chr(code) if not 0xD800 <= code < 0xE000 else "?"
    return out


def cases(spec, tokenizer, rng):
    contents = [t["content"] for t in spec["added_tokens"]]
    texts = ["", " ", "  ", "\n", "\n\n", " \n", "a", " a", "  a", "a ", "a  ", "a 1", " 42", "a1b2", "1a", "x 12 34",
             "it's", "it'S", "don't we'll they've I'm you'd they're", "'s", "' s", "''s", "'sx", " 's", "ß's",
             "a\u00a0b", "a \u3000b", "\u2028\u2028x", "a\r\nb", "\t\t\tx", "a\x04b", "the\x1d", "t\x13h\x14e", "\U00040000",
             "½²Ⅻ٣一", "1٣a", "e\u0301a", "a\u200bb", "日本語", "🦙", "<word>!", CORPUS, CORPUS[::-1]]
    for content in contents:
        texts += [content, f"a{content}b", f" {content} ", f"a  \n{content}\n  b", content + content, content[:-1],
                  f"the {content}1{content[1:]}"]
    texts += [random_text(rng, contents) for _ in range(160)]
    odd = [t["content"] for t in spec["added_tokens"] if not t["special"] and t["content"].strip()]
    for text in texts:
        tokenizer.encode_special_tokens = False
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        if any(content in text for content in odd):
            plain = None
        yield {"kind": "encode", "text": text, "ids": ids, "plain_ids": plain}
    size = tokenizer.get_vocab_size()
    bytes_of = {letter: byte for byte, letter in letters().items()}
    by_byte = {bytes_of[token]: i for token, i in spec["model"]["vocab"].items() if token in bytes_of}
    runs = [[], [0], [size, 0, size + 9]]
    for text in [b"\xc3", b"\xc3\xa9", b"\xe2\x82", b"\xe2\x82\xac\xe2\x82", b"\xf0\x9f\xa6\x99\xf0\x9f\xa6", b"\xe0\x80\x80",
                 b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80\x80", b"\xc3\xc3\xa9", b"\xf0\x9f\xc3\xa9", b" \xe2\x82a"]:
        runs.append([by_byte[byte] for byte in text if byte in by_byte])
    for _ in range(90):
        ids = []
        for _ in range(rng.randrange(1, 14)):
            kind = rng.random()
            if kind < 0.3:
                ids += [by_byte[b] for b in rng.choice("é你🦙\u00a0 \n").encode()]
            elif kind < 0.6:
                ids.append(rng.choice(list(by_byte.values())))
            else:
                ids.append(rng.randrange(size + 4))
        runs.append(ids)
    for ids in runs:
        yield {"kind": "decode", "ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False),
               "text_skip_special": tokenizer.decode(ids, skip_special_tokens=True)}


def main():
    print("tokenizers", tokenizers.__version__, "seed", SEED)
    for name, spec in {"digits": make_digits(), "runs": make_runs()}.items():
        path = HERE / f"{name}.json"
        path.write_text(json.dumps(spec, ensure_ascii=False, separators=(",", ":")) + "\n")
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
        lines = cases(spec, tokenizer, random.Random(SEED))
        (HERE / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


main()
