"""Makes tests/data/golden-moondream: expectations for random checkpoints, computed with moondream_numpy.py.

    ocellus synth --shape moondream2-tiny --quant bf16 --seed 7 --out BF16
    ocellus synth --shape moondream2-tiny --quant mlx4 --seed 7 --out MLX4
    python make_moondream_golden.py --bf16 BF16 --q4 MLX4 [--to tests/data/golden-moondream]
    python make_moondream_golden.py --check GOLDEN [--case NAME]

The checkpoints are not kept: whoever compares makes them again (`info.synth` in model/cases.json). Run it
again whenever `synth` makes others. --check compares with a set that somebody else's code has made: the
largest difference of each stage. Needs numpy, tokenizers and Pillow before 13.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import PIL
import tokenizers
from PIL import Image

from make_smolvlm_golden import digest, largest, rounded, write_json, write_safetensors
from moondream_numpy import Model, Picture
from smolvlm_numpy import read_safetensors

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
STEPS = {"vocab_step": 3, "step_logits_vocab_step": 5, "region_logits_step": 2}
TOKEN_STEP, EMBED_STEP, POOLED_STEP, ROW_STEP, COL_STEP, OBJECTS = 5, 2, 27, 11, 13, 3

PICTURES = {"slope_210x120.png": (210, 120), "noise_31x50.png": (31, 50), "dot_1x1.png": (1, 1)}
CASES = [
    {"name": "query", "task": "query", "revision": "2025-01-09", "text": "What is it?", "image": "slope_210x120.png"},
    {"name": "query_space", "task": "query", "revision": "2025-04-14", "text": "Is it?", "image": "noise_31x50.png"},
    {"name": "caption", "task": "caption", "revision": "2025-01-09", "text": "short", "image": "dot_1x1.png"},
    {"name": "detect", "task": "detect", "revision": "2025-01-09", "text": "slope", "image": "slope_210x120.png"},
    {"name": "detect_log", "task": "detect", "revision": "2025-04-14", "text": "slope", "image": "slope_210x120.png"},
    {"name": "point", "task": "point", "revision": "2025-01-09", "text": "dot", "image": "noise_31x50.png"},
]
TEXTS = ["", "Hello world", "two  spaces,   three", "\n\n\t\ttabs", "It's 42, naïve: 日本 🙂", "<|endoftext|>x"]


def make_picture(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    if width == 31:
        values = np.random.default_rng(SEED).integers(0, 256, (height, width, 3))
    else:
        values = np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x * y) % 256], -1)
    return Image.fromarray(values.astype(np.uint8), "RGB")


def messages(case: dict) -> list[dict]:
    return [{"role": "user", "content": "<|image_1|>" + (case["text"] if case["task"] == "query" else "")}]


def runs(ids: list[int]) -> list:
    count = ids.count(-1)
    first = ids.index(-1)
    return ids[:first] + [[-1, count]] + ids[first + count:]


def best(values: np.ndarray) -> tuple[int, float]:
    first, second = np.argsort(-values)[:2]
    return int(first), float(f"{values[first] - values[second]:.8g}")


def find_objects(model: Model, case: dict, inputs: np.ndarray, wanted: int) -> tuple[dict, dict[str, np.ndarray]]:
    """The objects behind a prompt, past the end that the model itself may see."""
    objects, order, out = [], [], {}
    hidden = model.decode(inputs)[0][-1][-1:]

    def note(name: str, values: np.ndarray) -> None:
        out[f"region.{len(order)}.{name}"] = values[:: STEPS["region_logits_step"] if "logits" in name else 1]
        order.append(name)

    def feed(row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nonlocal inputs
        inputs = np.concatenate([inputs, row])
        layers, _, logits = model.decode(inputs)
        return layers[-1][-1:], logits[-1]

    for _ in range(wanted):
        entry: dict = {}
        for axis in "xy":
            logits = model.mlp(hidden, "region.coord_decoder")[0]
            note(f"{axis}_logits", logits)
            entry[f"{axis}_bin"], entry[f"{axis}_margin"] = best(logits)
            entry[axis] = entry[f"{axis}_bin"] / len(logits)
            row = model.fourier([entry[axis]], "coord")
            if axis == "x":
                x_row = row[0]
            hidden, tokens = feed(row)
        note("x_embed", x_row)
        if case["task"] == "detect":
            logits = model.mlp(hidden, "region.size_decoder")[0]
            note("size_logits", logits)
            half = len(logits) // 2
            for axis, part in (("w", logits[:half]), ("h", logits[half:])):
                entry[f"{axis}_bin"], entry[f"{axis}_margin"] = best(part)
                entry[axis] = model.size_of(entry[f"{axis}_bin"], half, case["revision"])
            for axis, size in (("x", "w"), ("y", "h")):
                entry[f"{axis}_min"] = entry[axis] - entry[size] / 2
                entry[f"{axis}_max"] = entry[axis] + entry[size] / 2
            row = model.fourier([entry["w"], entry["h"]], "size")
            note("size_embed", row[0])
            hidden, tokens = feed(row)
        entry["next_token"] = int(np.argmax(tokens))
        objects.append(entry)
    return {"objects": objects, "region_order": order}, out


def run_case(model: Model, case: dict, picture: Picture, steps: int) -> tuple[dict, dict[str, np.ndarray]]:
    """The variant's entry and its tensors."""
    out: dict[str, np.ndarray] = {}
    towers = [model.tower(view) for view in picture.pixels()]
    features = [features for _, features in towers]
    out["clip_features"] = np.stack(features)[:, ::case["clip_token_step"]]
    out["clip_layers"] = np.stack([h[case["clip_layer_tokens"]] for h in towers[0][0]])
    pooled = model.pool(features[1:], picture.tiling)
    out["clip_pooled"] = pooled[::POOLED_STEP]
    rows = model.project(features[0], pooled)
    out["image_embeds"] = rows[::case["image_embed_step"]]
    inputs = model.embed(model.ids(case["task"], case["text"], case["revision"]), rows)
    hidden, normed, logits = model.decode(inputs)
    positions = case["positions"]
    out["embeds_pos"] = inputs[positions]
    out["layers_pos"] = np.stack([h[positions] for h in hidden])
    out["layers_last"] = np.stack([h[-1] for h in hidden])
    out["norm_last"], out["logits_last"] = normed[-1], logits[-1]
    out["logits_pos"] = logits[positions][:, ::STEPS["vocab_step"]]
    top = [np.argsort(-row)[:5] for row in [*logits[positions], logits[-1]]]
    entry = {"top5_ids": [t.tolist() for t in top],
             "top5_logits": [rounded(row[t]) for row, t in zip([*logits[positions], logits[-1]], top)],
             "tokens": [], "margin": []}
    if case["task"] in ("detect", "point"):
        found, tensors = find_objects(model, case, inputs, steps)
        return entry | found, out | tensors
    step_logits = []
    for _ in range(steps):
        token, margin = best(logits[-1])
        entry["tokens"].append(token)
        entry["margin"].append(margin)
        step_logits.append(logits[-1][::STEPS["step_logits_vocab_step"]])
        inputs = np.concatenate([inputs, model.w["model.text.wte"][[token]]])
        _, _, logits = model.decode(inputs)
    out["step_logits"] = np.stack(step_logits)
    return entry, out


def image_case(model: Model, picture: Picture, max_crops: int) -> dict:
    return {"num_crops": max_crops, "tiling": list(picture.tiling), "canvas": list(picture.canvas.size),
            "views": len(picture.views), "num_img_tokens": model.rows, "canvas_sha256": digest(picture.canvas),
            "global_sha256": digest(picture.whole),
            "crop_mean": rounded(picture.pixels().mean((1, 2, 3), dtype=np.float64))}


def make(models: dict[str, Model], to: Path) -> None:
    any_model = models["bf16"]
    for folder in ("text", "image", "model"):
        (to / folder).mkdir(parents=True, exist_ok=True)
    images, entries, samples = {}, [], {}
    for name, size in PICTURES.items():
        images[name] = make_picture(*size)
        images[name].save(to / "image" / name)
        cases = []
        for max_crops in (12, 4, 1):
            picture = any_model.show(images[name], max_crops)
            case = image_case(any_model, picture, max_crops)
            if max_crops == 12:
                case |= {"sample": f"{name}.sample", "row_step": ROW_STEP, "col_step": COL_STEP}
                samples[case["sample"]] = picture.pixels()[:, :, ::ROW_STEP, ::COL_STEP]
            cases.append(case)
        entries.append({"file": name, "rgb_size": list(size), "rgb_sha256": digest(images[name]), "lossy": False,
                        "cases": cases})
    info = {"family": "moondream2",
            "made_with": f"tools/reference/make_moondream_golden.py, numpy {np.__version__}, Pillow {PIL.__version__}, "
                         f"tokenizers {tokenizers.__version__}",
            "synth": {"shape": "moondream2-tiny", "seed": SEED, "quant": {"bf16": "bf16", "q4": "mlx4"}}}
    write_json(to / "image/cases.json",
               {"info": info | {"crop_size": any_model.side, "margin": any_model.margin * any_model.patch},
                "images": entries})
    write_safetensors(to / "image/expect.safetensors", samples)

    expect, listed = {}, []
    for case in CASES:
        picture = any_model.show(images[case["image"]], 12)
        ids = any_model.ids(case["task"], case["text"], case["revision"])
        case |= {"images": [case.pop("image")], "messages": messages(case), "num_crops": 12, "ids": runs(ids),
                 "length": len(ids), "tiling": list(picture.tiling),
                 "positions": [0, 1, any_model.rows // 2, any_model.rows, any_model.rows + 1, len(ids) - 2],
                 "clip_token_step": TOKEN_STEP, "clip_layer_tokens": [0, 1, 7, 35], "clip_layer_view": 0,
                 "image_embed_step": EMBED_STEP, "variants": {}}
        steps = OBJECTS if case["task"] in ("detect", "point") else 8
        for variant, model in models.items():
            case["variants"][variant], tensors = run_case(model, case, picture, steps)
            expect |= {f"{case['name']}.{variant}.{name}": values for name, values in tensors.items()}
        listed.append(case)
    write_json(to / "model/cases.json", {"info": info | STEPS, "cases": listed})
    write_safetensors(to / "model/expect.safetensors", expect)

    tokenizer = any_model.tokenizer
    lines = [{"kind": "plain", "text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids}
             for text in TEXTS]
    lines += [{"kind": "decode", "ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False),
               "text_skip_special": tokenizer.decode(ids)} for ids in (line["ids"] for line in lines[1:])]
    for case in listed:
        same = {key: case[key] for key in ("task", "revision", "text", "ids", "length")}
        if case["task"] == "query":
            lines.append({"kind": "chat", **same, "messages": case["messages"], "num_crops": 12,
                          "images": [list(PICTURES[case["images"][0]])]})
        else:
            lines.append({"kind": "chat_task", **same})
    lines.append({"kind": "chat_error", "messages": [{"role": "user", "content": "no picture"}], "images": [],
                  "num_crops": 12})
    (to / "text/cases.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines),
                                         encoding="utf-8")


def check(golden: Path, only: str | None) -> None:
    cases = json.loads((golden / "model/cases.json").read_text(encoding="utf-8"))
    STEPS.update({key: cases["info"][key] for key in STEPS})
    expect = read_safetensors(golden / "model/expect.safetensors")
    for variant, folder in (("bf16", "tiny-f16"), ("q4", "tiny-4bit-mlx")):
        model = Model(golden / "model" / folder)
        for case in cases["cases"]:
            if only and case["name"] != only:
                continue
            picture = model.show(Image.open(golden / "image" / case["images"][0]).convert("RGB"), case["num_crops"])
            same = runs(model.ids(case["task"], case["text"], case["revision"])) == case["ids"]
            entry, tensors = run_case(model, case, picture, steps=2)
            tensors.pop("step_logits", None)
            wanted = case["variants"][variant]
            same_tokens = entry["tokens"] == wanted["tokens"][:2]
            print(case["name"], variant, "ids" if same else "OTHER IDS", "tokens" if same_tokens else "OTHER TOKENS",
                  {name: largest(values, expect[f"{case['name']}.{variant}.{name}"])
                   for name, values in tensors.items()}, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bf16", type=Path)
    parser.add_argument("--q4", type=Path)
    parser.add_argument("--to", type=Path, default=ROOT / "tests/data/golden-moondream")
    parser.add_argument("--check", type=Path)
    parser.add_argument("--case")
    options = parser.parse_args()
    if options.check:
        check(options.check, options.case)
    else:
        make({"bf16": Model(options.bf16), "q4": Model(options.q4)}, options.to)


if __name__ == "__main__":
    main()
