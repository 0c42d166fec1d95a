"""Makes tests/data/golden-demo: expectations for models/demo, computed in plain torch float32.

    python make_demo_golden.py [--model models/demo] [--to tests/data/golden-demo]

The layout is that of the golden set for Phi-3.5-Vision: text/cases.jsonl, image/ (own pictures,
cases.json, expect.safetensors), model/ (cases.json, expect.safetensors). The weights are not
copied: they are in the program (`info.embedded_model` in model/cases.json). Run it again whenever they change;
pictures that are there stay.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import sys
from pathlib import Path

import numpy as np
import PIL
import tokenizers
import torch
from PIL import Image, ImageOps
from safetensors.torch import save_file
from tokenizers import Tokenizer

from phi3v_torch import Decoder, Processed, Weights, clip_hidden_states, image_embeds

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "train"))
from draw import encode, render  # noqa: E402
from world import sample_scene  # noqa: E402

SEED = 4242
VOCAB_STEP, STEP_LOGITS_STEP, CLIP_TOKEN_STEP = 1, 14, 7
ROW_STEP, COL_STEP = 23, 29
MADE_WITH = (f"tools/reference/make_demo_golden.py, torch {torch.__version__}, Pillow {PIL.__version__}, "
             f"tokenizers {tokenizers.__version__}, numpy {np.__version__}, seed {SEED}")


def rounded(values: list[float]) -> list[float]:
    return [float(f"{v:.8g}") for v in values]


# ---------------------------------------------------------------- text

def chat_prompt(messages: list[dict]) -> str:
    text = "".join(f"<|{m['role']}|>\n{m['content']}<|end|>\n" for m in messages)
    return text + ("<|assistant|>\n" if messages[-1]["role"] != "assistant" else "")


def chat_ids(tok: Tokenizer, prompt: str, image_tokens: list[int]) -> list:
    """Ids with image runs as pairs [-N, count]: every piece between tags is tokenised with BOS."""
    if not image_tokens:
        return tok.encode(prompt).ids

    pieces = re.split(r"<\|image_(\d+)\|>", prompt)
    ids: list = list(tok.encode(pieces[0]).ids)
    for tag, piece in zip(pieces[1::2], pieces[2::2]):
        ids += [[-int(tag), image_tokens[int(tag) - 1]]] + tok.encode(piece).ids
    return ids


def text_cases(tok: Tokenizer, tokens_of) -> list[dict]:
    plain = ["", " ", "  ", "\n", "a", " a", "Red.", "Hello world", "Describe this image.", "Describe the image",
             "What color is the star?", "what colour is the star", "Which object is to the left of the red circle?",
             "How many blue shapes are there?", "Is there an orange square in the image?", "The number 1234.", "42", "3.14",
             "An orange star, the number 7 and a white circle on a dark background.", "I know only shapes, colors and numbers.",
             "你好", "é", "naïve café", "\U0001F999", "a\tb", "tabs\t\tand   spaces", "line1\r\nline2\n", "<|image_1|>", "</s>\n a",
             " <|end|> ", "foo<|end|>bar", "<|assistant|>\n\n  x", "<|user|>\nHi<|end|>\n<|assistant|>\n", "x" * 70, "Zebra quartz jigsaw!"]
    out = [{"kind": "plain", "text": t, "ids": tok.encode(t).ids} for t in plain]
    rng = random.Random(SEED)
    size = tok.get_vocab_size()
    decode = [tok.encode(t).ids for t in plain[5:14]] + [[rng.randrange(size) for _ in range(12)] for _ in range(8)]
    decode += [[1] + tok.encode("你好", add_special_tokens=False).ids[:-1], [243, 162, 169], []]
    out += [{"kind": "decode", "ids": ids, "text": tok.decode(ids, skip_special_tokens=False),
             "text_skip_special": tok.decode(ids)} for ids in decode]
    user = lambda t: {"role": "user", "content": t}
    said = lambda t: {"role": "assistant", "content": t}
    chats = [([user("Hello")], [], 1), ([{"role": "system", "content": "Be brief."}, user("Hi")], [], 1),
             ([user("<|image_1|>\nWhat shape is this?")], [[640, 480]], 1), ([user("<|image_1|>\nDescribe the image.")], [[300, 600]], 4),
             ([user("<|image_1|>\n<|image_2|>\nWhat do you see?")], [[200, 200], [512, 288]], 4),
             ([user("<|image_1|>\nCount the shapes."), said("3"), user("What color is the star?")], [[96, 96]], 1),
             ([user("What is <|image_1|>?")], [[100, 120]], 1), ([user("<|image_1|>")], [[800, 400]], 1),
             ([{"role": "system", "content": "Answer briefly."}, user("<|image_1|>\nRead the number.")], [[400, 399]], 1)]
    for messages, images, crops in chats:
        counts = [tokens_of(size, crops) for size in images]
        prompt = chat_prompt(messages)
        ids = chat_ids(tok, prompt, counts)
        out.append({"kind": "chat", "messages": messages, "images": images, "num_crops": crops, "prompt": prompt, "ids": ids,
                    "length": sum(i[1] if isinstance(i, list) else 1 for i in ids), "image_tokens": counts})
    return out


# ---------------------------------------------------------------- image

def draw_sources(folder: Path) -> None:
    """Small pictures of the world and a few of other kinds, where there are none yet."""
    if (folder / "cases.json").exists():
        return
    rng = random.Random(SEED)
    plan = [("one.png", 1, 240), ("pair.jpg", 2, 320), ("three.webp", 3, 300), ("wide.png", 3, 280), ("tall.jpg", 3, 300), ("number.png", 0, 200),
            ("crowd.jpg", 5, 336)]
    for name, shapes, long_side in plan:
        while True:
            scene = sample_scene(rng, max_long=long_side)
            n = sum(o["kind"] == "shape" for o in scene["objs"])
            ratio = scene["w"] / scene["h"]
            if n == shapes and "noise" not in scene["bg"] and max(scene["w"], scene["h"]) > 0.6 * long_side \
                    and (name != "wide.png" or ratio > 1.5) and (name != "tall.jpg" or ratio < 0.7):
                break
        fmt = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[name.split(".")[1]]
        (folder / name).write_bytes(encode(render(scene, rng), fmt, rng))
    noise = np.random.default_rng(SEED)
    Image.fromarray(noise.integers(0, 256, (37, 53), dtype=np.uint8)).save(folder / "grey.png")
    Image.fromarray(noise.integers(0, 256, (24, 40, 4), dtype=np.uint8)).save(folder / "alpha.png")
    Image.new("RGB", (1, 1), (200, 30, 60)).save(folder / "pixel.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(folder / "pair.jpg").save(folder / "turned.jpg", quality=90, exif=exif)


def image_cases(folder: Path, config: dict, grid: int) -> None:
    entries, tensors = [], {}
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".png", ".jpg", ".webp")):
        stored = Image.open(path)
        orientation = stored.getexif().get(0x0112)
        before = np.asarray(stored.convert("RGB"))
        image = ImageOps.exif_transpose(stored).convert("RGB")
        rgb = np.asarray(image)
        step = max(1, max(rgb.shape[:2]) // 20)
        tensors[f"{path.name}.rgb"] = torch.from_numpy(np.ascontiguousarray(rgb[::step, ::step]))
        entry = {"file": path.name, "format": stored.format, "mode": stored.mode, "size": list(stored.size), "exif_orientation": orientation,
                 "rgb_size": list(image.size), "lossy": path.suffix != ".png", "rgb_sha256": hashlib.sha256(rgb.tobytes()).hexdigest(),
                 "rgb_sha256_before_exif": hashlib.sha256(before.tobytes()).hexdigest(), "rgb_mean": rounded(rgb.reshape(-1, 3).mean(0).tolist()),
                 "rgb_sample": f"{path.name}.rgb", "rgb_step": step, "cases": []}
        for crops in (1, 4):
            p = Processed(image, crops, config)
            key = f"{path.name}.n{crops}.sample"
            tensors[key] = p.pixels[:, :, ::ROW_STEP, ::COL_STEP].contiguous()
            flat = p.pixels.flatten(1)
            entry["cases"].append({
                "num_crops": crops, "image_sizes": p.image_sizes, "num_img_tokens": p.tokens, "crops": p.crops, "transposed": p.transposed,
                "resize": p.resize, "pad": p.pad, "canvas_sha256": hashlib.sha256(p.canvas.tobytes()).hexdigest(),
                "crop_mean": rounded(flat.mean(1).tolist()), "crop_std": rounded(flat.std(1, unbiased=False).tolist()),
                "crop_min": rounded(flat.amin(1).tolist()), "crop_max": rounded(flat.amax(1).tolist()),
                "crop_channel_mean": [rounded(r) for r in p.pixels.mean((2, 3)).tolist()],
                "sample": key, "row_step": ROW_STEP, "col_step": COL_STEP})
        entries.append(entry)
    info = {"mean": config["mean"], "std": config["std"], "made_with": MADE_WITH, "images": len(entries), "grid": grid}
    (folder / "cases.json").write_text(json.dumps({"info": info, "images": entries}, indent=1) + "\n")
    save_file(tensors, folder / "expect.safetensors")


# ---------------------------------------------------------------- model

def spread(length: int, runs: list) -> list[int]:
    """Eight positions: the first, around the image, inside it, and near the end."""
    first = next((i for i, x in enumerate(runs) if isinstance(x, list)), None)
    if first is None:
        return sorted({0, 1, 2, length // 4, length // 2, 3 * length // 4, length - 3, length - 2})
    total = sum(x[1] for x in runs if isinstance(x, list))
    return [0, 1, first, first + total // 3, first + 2 * total // 3, first + total - 1, first + total, length - 2]


def run_case(w: Weights, tok: Tokenizer, case: dict, folder: Path, stop: set[int], tensors: dict) -> dict:
    processed = [Processed(ImageOps.exif_transpose(Image.open(folder / f)), case["num_crops"], w.config) for f in case["images"]]
    prompt = chat_prompt(case["messages"])
    runs = chat_ids(tok, prompt, [p.tokens for p in processed])
    ids = [i for r in runs for i in ([r[0]] * r[1] if isinstance(r, list) else [r])]
    case |= {"prompt": prompt, "ids": runs, "length": len(ids), "positions": spread(len(ids), runs)}
    key = f"{case['name']}.q4."
    embeds = None
    if processed:
        states = [clip_hidden_states(w, p.pixels) for p in processed]
        patches = states[0][0].shape[1] - 1
        layer_tokens = [0, 1, patches // 5, patches // 2, patches]
        embeds = torch.cat([image_embeds(w, s[-2][:, 1:], p.crops) for s, p in zip(states, processed)])
        tensors[key + "clip_features"] = torch.cat([s[-2][:, 1:] for s in states])[:, ::CLIP_TOKEN_STEP].contiguous()
        tensors[key + "clip_layers"] = torch.stack([h[0, layer_tokens] for h in states[0]])
        tensors[key + "image_embeds"] = embeds
        case |= {"image_sizes": [p.image_sizes for p in processed], "image_tokens": [p.tokens for p in processed],
                 "clip_crops": [len(p.pixels) for p in processed], "clip_token_step": CLIP_TOKEN_STEP,
                 "clip_layer_tokens": layer_tokens, "image_embed_step": 1}
    decoder, cache = Decoder(w), []
    outputs, normed = decoder(decoder.embed(ids, embeds), cache)
    logits = decoder.logits(normed)
    at = case["positions"] + [len(ids) - 1]
    top = logits[at].topk(5)
    tensors[key + "layers_last"] = torch.stack([o[-1] for o in outputs])
    tensors[key + "layers_pos"] = torch.stack([o[case["positions"]] for o in outputs])
    tensors[key + "norm_last"], tensors[key + "logits_last"] = normed[-1].clone(), logits[-1].clone()
    tensors[key + "logits_pos"] = logits[case["positions"], ::VOCAB_STEP].contiguous()
    tokens, second, top_logit, margin, steps, now = [], [], [], [], [], logits[-1]
    while len(tokens) < 48:
        best = now.topk(2)
        if int(best.indices[0]) in stop:
            break
        tokens.append(int(best.indices[0])), second.append(int(best.indices[1]))
        top_logit.append(float(best.values[0])), margin.append(float(best.values[0] - best.values[1]))
        steps.append(now)
        now = decoder.logits(decoder(decoder.embed([tokens[-1]]), cache)[1][-1])
    steps.append(now)  # the step at which the stop token wins
    again = decoder.logits(decoder(decoder.embed(ids + tokens, embeds))[1])[len(ids) - 1:]
    tensors[key + "step_logits"] = torch.stack(steps[:-1])[:, ::STEP_LOGITS_STEP].contiguous()
    case["steps"] = len(tokens)
    case["variants"] = {"q4": {
        "top5_ids": top.indices.tolist(), "top5_logits": [rounded(r) for r in top.values.tolist()], "logits_std_last": float(logits[-1].std()),
        "tokens": tokens, "second": second, "top_logit": rounded(top_logit), "margin": rounded(margin),
        "max_diff_uncached": float((torch.stack(steps) - again).abs().max()), "max_diff_prefill": 0.0, "text": tok.decode(tokens),
        "stop_token": int(now.argmax())}}
    print(f"{case['name']}: {len(ids)} tokens -> {tok.decode(tokens)!r}")
    return case


def model_cases(w: Weights, tok: Tokenizer, images: Path, to: Path, stop: set[int]) -> None:
    user = lambda t: {"role": "user", "content": t}
    cases = [
        {"name": "text", "messages": [user("Hello")], "images": [], "num_crops": 1},
        {"name": "describe_n1", "messages": [user("<|image_1|>\nDescribe the image.")], "images": ["crowd.jpg"], "num_crops": 1},
        {"name": "landscape_n4", "messages": [user("<|image_1|>\nHow many shapes are there?")], "images": ["wide.png"], "num_crops": 4},
        {"name": "turns_n1", "messages": [{"role": "system", "content": "Answer briefly."}, user("<|image_1|>\nCount the shapes."),
                                          {"role": "assistant", "content": "3"}, user("Describe this image.")], "images": ["tall.jpg"], "num_crops": 1},
        {"name": "two_images_n1", "messages": [user("<|image_1|>\n<|image_2|>\nWhat do you see to the left of the green triangle?")], "images": ["one.png", "crowd.jpg"], "num_crops": 1}]
    tensors: dict = {}
    done = [run_case(w, tok, c, images, stop, tensors) for c in cases]
    info = {"made_with": MADE_WITH, "vocab_step": VOCAB_STEP, "step_logits_vocab_step": STEP_LOGITS_STEP, "dtype": "float32", "attention": "eager",
            "full_image_embeds_case": "describe_n1", "family": "phi3_v", "embedded_model": "q4"}
    (to / "cases.json").write_text(json.dumps({"info": info, "cases": done}, indent=1) + "\n")
    save_file({k: v.contiguous() for k, v in tensors.items()}, to / "expect.safetensors")


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "demo")
    parser.add_argument("--to", type=Path, default=ROOT / "tests" / "data" / "golden-demo")
    args = parser.parse_args()
    print(MADE_WITH)
    torch.set_num_threads(1)
    w, tok = Weights(args.model), Tokenizer.from_file(str(args.model / "tokenizer.json"))
    eos = json.loads((args.model / "generation_config.json").read_text())["eos_token_id"]
    for part in ("text", "image", "model"):
        (args.to / part).mkdir(parents=True, exist_ok=True)
    vision = w.config["vision_config"]
    grid = vision["image_size"] // vision["patch_size"] // 2

    def tokens_of(size: list[int], crops: int) -> int:
        return Processed(Image.new("RGB", tuple(size)), crops, w.config).tokens

    lines = [json.dumps(c, ensure_ascii=False) for c in text_cases(tok, tokens_of)]
    (args.to / "text" / "cases.jsonl").write_text("\n".join(lines) + "\n")
    draw_sources(args.to / "image")
    pre = json.loads((args.model / "preprocessor_config.json").read_text())
    image_cases(args.to / "image", w.config | {"mean": pre["image_mean"], "std": pre["image_std"]}, grid)

    model_cases(w, tok, args.to / "image", args.to / "model", set(eos if isinstance(eos, list) else [eos]))


if __name__ == "__main__":
    main()
