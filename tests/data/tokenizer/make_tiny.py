"""Writes tiny.json, a tokenizer of a few hundred tokens in the format of Phi-3.5-vision's, and
cases.jsonl, what Hugging Face tokenizers makes of it. Needs `pip install tokenizers==0.20.3`.

Lines of cases.jsonl: {"kind": "encode", "text", "ids" (added tokens matched), "plain_ids" (special
tokens are ordinary text)} or {"kind": "decode", "ids", "text", "text_skip_special"}.
"""

import json
import pathlib
import random

import tokenizers

SEED = 7
HERE = pathlib.Path(__file__).parent

LETTERS = "▁ehlorwdabcst.,<|>/éü你"
MERGES = (
    "▁ ▁|▁▁ ▁▁|h e|l l|he ll|hell o|▁ hello|o r|w or|▁ wor|▁wor ld|l d|a a|aa aa|a b|b c|ab c|a bc|"
    "▁ a|▁a b|s t|st st|é é"
).split("|") + ["| >", "< s", "<0xC3> <0xA9>"]


def added(token_id, content, **flags):
    token = {"id": token_id, "content": content, "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False, "special": True}
    token.update(flags)
    return token


def make_tokenizer():
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2}
    vocab.update({f"<0x{byte:02X}>": 3 + byte for byte in range(256)})
    for piece in list(LETTERS) + ["".join(m.split(" ")) for m in MERGES]:
        vocab.setdefault(piece, len(vocab))
    n = len(vocab)
    tokens = [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>", rstrip=True, special=False)]
    for content, flags in [("<|end|>", {}), ("<|user|>", {}), ("<|assistant|>", {"rstrip": True}),
                           ("<|end|>ed", {}), ("<|left|>", {"lstrip": True}),
                           ("<|both|>", {"lstrip": True, "rstrip": True}),
                           ("héllo", {"special": False})]:
        tokens.append(added(n + len(tokens) - 3, content, **flags))
    mark, space = "▁", " "
    bos = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": mark},
            {"type": "Replace", "pattern": {"String": space}, "content": mark}]},
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing", "single": [bos, text],
                           "pair": [bos, text, {"Sequence": {"id": "B", "type_id": 1}}],
                           "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": mark}, "content": space},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": space, "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>",
                  "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True,
                  "byte_fallback": True, "ignore_merges": False, "vocab": vocab, "merges": MERGES},
    }


def main():
    spec = make_tokenizer()
    path = HERE / "tiny.json"
    path.write_text(json.dumps(spec, ensure_ascii=False, separators=(",", ":")) + "\n")
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    print("tokenizers", tokenizers.__version__, "seed", SEED)

    rng = random.Random(SEED)
    contents = [t["content"] for t in spec["added_tokens"]]
    pieces = list("helowrdabcst.,<|>/ \n\tXéü你🦙\u00a0\u3000\u2028\x00▁") + ["  ", "hello", "world"]
    texts = ["", " ", "  ", "\n", "hello world", " hello", "Hello, world.", "abc", "aabcc", "aaaaaaa",
             "stststst", "ééé", "你🦙", "<|end|>", " <|end|> ", "</s>\n a", "<|assistant|>\n\n  a",
             "<|end|>ed", "<|end|>e", "a<|end|>edb", "a  <|left|>  b", "a \u3000<|both|>\n\u00a0 b",
             "<|both|>  <|both|>", "<|assistant|>  <|left|>", "héllo", "ahéllo", "<|end|", "<|en<|end|>",
             "<<|user|>>", "<s><s>", "<unk>", "a\x00b", "▁a ▁", "<0x0A>", "</s></s>"]
    texts += ["".join(rng.choice(pieces if rng.random() < 0.8 else contents)
                      for _ in range(rng.randrange(1, 25))) for _ in range(90)]
    lines = []
    for text in texts:
        tokenizer.encode_special_tokens = False
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        # Tokens that are not marked special are matched either way: no expectation of that kind then.
        has_other = any(t["content"] in text for t in spec["added_tokens"] if not t["special"])
        lines.append({"kind": "encode", "text": text, "ids": ids,
                      "plain_ids": None if has_other else plain})
    size = tokenizer.get_vocab_size()
    runs = [[], [259], [259, 259], [35, 35], [1, 259], [198], [198, 172], [172], [198, 172, 198],
            [243, 162], [243, 162, 169, 156], [243, 162, 169, 156, 243], [230, 1, 131, 131],
            [230, size + 3, 131, 131], [16, 230], [230, 131, 131, 16, 16], [229, 153, 132], [0], [2]]
    for _ in range(90):
        ids = []
        for _ in range(rng.randrange(1, 14)):
            kind = rng.random()
            if kind < 0.3:
                ids += [3 + b for b in rng.choice("é你🦙\u00a0 \n").encode()]
            elif kind < 0.5:
                ids.append(3 + rng.randrange(256))
            else:
                ids.append(rng.randrange(size + 4))
        runs.append(ids)
    for ids in runs:
        lines.append({"kind": "decode", "ids": ids,
                      "text": tokenizer.decode(ids, skip_special_tokens=False),
                      "text_skip_special": tokenizer.decode(ids, skip_special_tokens=True)})
    (HERE / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


main()
