"""Makes tests/data/golden-smolvlm: expectations for random checkpoints, computed with smolvlm_numpy.py.

    ocellus synth --shape smolvlm2-tiny --quant bf16 --seed 7 --out BF16
    ocellus synth --shape smolvlm2-tiny --quant mlx4 --seed 7 --out MLX4
    python make_smolvlm_golden.py --bf16 BF16 --q4 MLX4 [--to tests/data/golden-smolvlm]
    python make_smolvlm_golden.py --check GOLDEN [--case NAME]

The checkpoints are not kept: whoever compares makes them again (`info.synth` in model/cases.json). Run it
again whenever `synth` makes others. --check compares with a set that somebody else's code has made: the
largest difference of each stage. Needs numpy, tokenizers and Pillow before 13.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import PIL
import tokenizers
from PIL import Image

from smolvlm_numpy import Model, Picture, chat_prompt, read_safetensors

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
VOCAB_STEP, STEP_LOGITS_STEP, TOKEN_STEP, EMBED_STEP, ROW_STEP, COL_STEP = 3, 5, 3, 2, 11, 13

PICTURES = {"slope_90x40.png": (90, 40), "noise_31x50.png": (31, 50), "dot_1x1.png": (1, 1)}
CASES = [
    {"name": "text", "messages": [{"role": "user", "content": "What is 2 + 2?"}], "images": [], "num_crops": 4},
    {"name": "turns_n2", "num_crops": 2, "images": ["slope_90x40.png", "noise_31x50.png"],
     "messages": [{"role": "system", "content": "Be brief."},
                  {"role": "user", "content": "<|image_1|>What is it?"},
                  {"role": "assistant", "content": " A slope."},
                  {"role": "user", "content": "And here: <|image_2|> or not?"}]},
    {"name": "wide_n4", "num_crops": 4, "images": ["slope_90x40.png"],
     "messages": [{"role": "user", "content": "<|image_1|>Describe."}]},
    {"name": "nosplit", "num_crops": 0, "images": ["noise_31x50.png", "dot_1x1.png"],
     "messages": [{"role": "user", "content": "<|image_1|> and <|image_2|>\nCompare."}]},
]
TEXTS = ["", "Hello world", " two  spaces ", "\n\n", "It's 42, naïve: 日本 🙂", "<image><end_of_utterance>x"]


def rounded(values: object) -> list:
    return [float(f"{v:.8g}") for v in np.asarray(values).ravel()]


def make_picture(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    if width == 31:
        values = np.random.default_rng(SEED).integers(0, 256, (height, width, 3))
    else:
        values = np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x * y) % 256], -1)
    return Image.fromarray(values.astype(np.uint8), "RGB")


def digest(image: Image.Image) -> str:
    return hashlib.sha256(np.asarray(image).tobytes()).hexdigest()


def runs(ids: list[int], image_token: int, tokens: list[int]) -> list:
    """Each view's rows as [-N, count]."""
    out: list = []
    picture, left = 0, 0
    for token in ids:
        if token != image_token:
            out.append(token)
            continue
        if left == 0:
            picture, left = picture + 1, tokens[picture]
        if isinstance(out[-1], list):
            out[-1][1] += 1
        else:
            out.append([-picture, 1])
        left -= 1
    return out


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    header, at, data = {}, 0, b""
    for name, values in tensors.items():
        raw = np.ascontiguousarray(values, np.float32).tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")


def run_case(model: Model, case: dict, pictures: list[Picture], steps: int) -> tuple[dict, dict[str, np.ndarray]]:
    """The variant's entry and its tensors."""
    out: dict[str, np.ndarray] = {}
    rows = None
    if pictures:
        towers = [[model.tower(view) for view in picture.pixels()] for picture in pictures]
        features = [features for picture in towers for _, features in picture]
        out["clip_features"] = np.stack(features)[:, ::case["clip_token_step"]]
        hidden = towers[0][case["clip_layer_view"]][0]
        out["clip_layers"] = np.stack([h[case["clip_layer_tokens"]] for h in hidden])
        rows = np.concatenate([model.connect(f) for f in features])
        out["image_embeds"] = rows[::case["image_embed_step"]]
    ids = model.ids(case["messages"], pictures)
    inputs = model.embed(ids, rows)
    hidden, normed, logits = model.decode(inputs)
    positions = case["positions"]
    out["embeds_pos"] = inputs[positions]
    out["layers_pos"] = np.stack([h[positions] for h in hidden])
    out["layers_last"] = np.stack([h[-1] for h in hidden])
    out["norm_last"], out["logits_last"] = normed[-1], logits[-1]
    out["logits_pos"] = logits[positions][:, ::VOCAB_STEP]
    top = [np.argsort(-row)[:5] for row in [*logits[positions], logits[-1]]]
    entry = {"top5_ids": [t.tolist() for t in top],
             "top5_logits": [rounded(row[t]) for row, t in zip([*logits[positions], logits[-1]], top)],
             "tokens": [], "margin": []}
    step_logits = []
    for _ in range(steps):
        last = logits[-1]
        best, second = np.argsort(-last)[:2]
        entry["tokens"].append(int(best))
        entry["margin"].append(float(f"{last[best] - last[second]:.8g}"))
        step_logits.append(last[::STEP_LOGITS_STEP])
        inputs = np.concatenate([inputs, model.embed([int(best)], None)])
        _, _, logits = model.decode(inputs)
    out["step_logits"] = np.stack(step_logits)
    return entry, out


def image_case(model: Model, picture: Picture, num_crops: int) -> dict:
    pixels = picture.pixels()
    whole = Image.fromarray(picture.views[-1])
    return {"num_crops": num_crops, "split": num_crops != 0, "longest_edge": (num_crops or 4) * model.tile,
            "resize": list(picture.resized.size), "canvas": list(picture.canvas.size), "rows": picture.rows,
            "cols": picture.cols, "views": len(picture.views),
            "num_img_tokens": len(picture.views) * model.view_tokens, "resized_sha256": digest(picture.resized),
            "canvas_sha256": digest(picture.canvas), "global_sha256": digest(whole),
            "crop_mean": rounded(pixels.mean((1, 2, 3), dtype=np.float64))}


def make(models: dict[str, Model], to: Path) -> None:
    any_model = models["bf16"]
    for folder in ("text", "image", "model"):
        (to / folder).mkdir(parents=True, exist_ok=True)
    images, entries, samples = {}, [], {}
    for name, size in PICTURES.items():
        images[name] = make_picture(*size)
        images[name].save(to / "image" / name)
        cases = []
        for num_crops in (4, 2, 1, 0):
            picture = any_model.show(images[name], num_crops)
            case = image_case(any_model, picture, num_crops)
            if num_crops != 2:
                case |= {"sample": f"{name}.n{num_crops}.sample", "row_step": ROW_STEP, "col_step": COL_STEP}
                samples[case["sample"]] = picture.pixels()[:, :, ::ROW_STEP, ::COL_STEP]
            cases.append(case)
        entries.append({"file": name, "rgb_size": list(size), "rgb_sha256": digest(images[name]), "lossy": False,
                        "cases": cases})
    info = {"made_with": f"tools/reference/make_smolvlm_golden.py, numpy {np.__version__}, Pillow {PIL.__version__}, "
                         f"tokenizers {tokenizers.__version__}",
            "synth": {"shape": "smolvlm2-tiny", "seed": SEED, "quant": {"bf16": "bf16", "q4": "mlx4"}}}
    write_json(to / "image/cases.json", {"info": info | {"crop_size": any_model.tile}, "images": entries})
    write_safetensors(to / "image/expect.safetensors", samples)

    expect, listed = {}, []
    for case in CASES:
        pictures = [any_model.show(images[name], case["num_crops"]) for name in case["images"]]
        ids = any_model.ids(case["messages"], pictures)
        tokens = [len(p.views) * any_model.view_tokens for p in pictures]
        case |= {"ids": runs(ids, any_model.image_token, tokens), "length": len(ids),
                 "positions": sorted({round(i * (len(ids) - 2) / 7) for i in range(8)}),
                 "clip_token_step": TOKEN_STEP, "clip_layer_tokens": [0, 1, 7, 15],
                 "clip_layer_view": len(pictures[0].views) - 1 if pictures else None,
                 "image_embed_step": EMBED_STEP, "variants": {}}
        for variant, model in models.items():
            case["variants"][variant], tensors = run_case(model, case, pictures, steps=8)
            expect |= {f"{case['name']}.{variant}.{name}": values for name, values in tensors.items()}
        listed.append(case)
    write_json(to / "model/cases.json",
               {"info": info | {"vocab_step": VOCAB_STEP, "step_logits_vocab_step": STEP_LOGITS_STEP},
                "cases": listed})
    write_safetensors(to / "model/expect.safetensors", expect)

    tokenizer = any_model.tokenizer
    lines = [{"kind": "plain", "text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids}
             for text in TEXTS]
    lines += [{"kind": "decode", "ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False),
               "text_skip_special": tokenizer.decode(ids)} for ids in (line["ids"] for line in lines[1:])]
    lines += [{"kind": "chat", "messages": case["messages"], "num_crops": case["num_crops"],
               "images": [list(PICTURES[name]) for name in case["images"]], "prompt": chat_prompt(case["messages"]),
               "ids": case["ids"], "length": case["length"]} for case in listed]
    lines.append({"kind": "chat_error", "messages": [{"role": "user", "content": "<|image_1|>x"}], "images": [],
                  "num_crops": 4})
    (to / "text/cases.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines),
                                         encoding="utf-8")


def largest(found: np.ndarray, expected: np.ndarray) -> float:
    return float(f"{np.abs(found - expected).max():.2g}")


def check(golden: Path, only: str | None) -> None:
    cases = json.loads((golden / "model/cases.json").read_text(encoding="utf-8"))
    global VOCAB_STEP, STEP_LOGITS_STEP
    VOCAB_STEP, STEP_LOGITS_STEP = cases["info"]["vocab_step"], cases["info"]["step_logits_vocab_step"]
    expect = read_safetensors(golden / "model/expect.safetensors")
    for variant, folder in (("bf16", "tiny-bf16"), ("q4", "tiny-4bit-mlx")):
        model = Model(golden / "model" / folder)
        for case in cases["cases"]:
            if only and case["name"] != only:
                continue
            pictures = [model.show(Image.open(golden / "image" / name).convert("RGB"), case["num_crops"])
                        for name in case["images"]]
            tokens = [len(p.views) * model.view_tokens for p in pictures]
            same = runs(model.ids(case["messages"], pictures), model.image_token, tokens) == case["ids"]
            entry, tensors = run_case(model, case, pictures, steps=2)
            del tensors["step_logits"]
            wanted = case["variants"][variant]
            same_tokens = entry["tokens"] == wanted["tokens"][:2]
            print(case["name"], variant, "ids" if same else "OTHER IDS", "tokens" if same_tokens else "OTHER TOKENS",
                  {name: largest(values, expect[f"{case['name']}.{variant}.{name}"])
                   for name, values in tensors.items()}, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bf16", type=Path)
    parser.add_argument("--q4", type=Path)
    parser.add_argument("--to", type=Path, default=ROOT / "tests/data/golden-smolvlm")
    parser.add_argument("--check", type=Path)
    parser.add_argument("--case")
    options = parser.parse_args()
    if options.check:
        check(options.check, options.case)
    else:
        make({"bf16": Model(options.bf16), "q4": Model(options.q4)}, options.to)


if __name__ == "__main__":
    main()
