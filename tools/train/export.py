"""Writes a training checkpoint as an MLX 4-bit (or 8-bit) checkpoint folder: the layout of
mlx-community/Phi-3.5-vision-instruct-4bit, every linear layer and embedding quantised.

    python export.py --checkpoint ../../build/train/joint.pt --to ../../models/demo --bits 4
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

import vocab
from draw import MEAN, STD
from model import Config

GROUP = 64


def quantise(w: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """MLX's affine quantiser (mx.quantize): packed uint32, scales and biases in float16.

    The edge of larger magnitude is met exactly and the scale carries its sign."""
    rows, cols = w.shape
    top = 2 ** bits - 1
    g = w.astype(np.float32).reshape(rows, cols // GROUP, GROUP)
    low, high = g.min(-1), g.max(-1)
    scale = np.maximum((high - low) / top, 1e-7)
    low_wins = np.abs(low) > np.abs(high)
    scale = np.where(low_wins, scale, -scale)
    edge = np.where(low_wins, low, high)
    q0 = np.rint(edge / scale)
    scale = np.where(q0 != 0, edge / np.where(q0 != 0, q0, 1), scale)
    bias = np.where(q0 != 0, edge, 0)
    q = np.clip(np.rint((g - bias[..., None]) / scale[..., None]), 0, top).astype(np.uint32)
    per = 32 // bits
    q = q.reshape(rows, cols // per, per)
    packed = np.zeros(q.shape[:2], np.uint32)
    for i in range(per):
        packed |= q[..., i] << np.uint32(i * bits)
    return packed, scale.astype(np.float16), bias.astype(np.float16)


def is_quantised(name: str, w: np.ndarray) -> bool:
    return name.endswith(".weight") and w.ndim == 2


def tensors(state: dict, bits: int) -> dict[str, np.ndarray]:
    out = {}
    for name, value in state.items():
        w = value.detach().cpu().float().numpy()
        if name.endswith("patch_embedding.weight"):
            w = w.transpose(0, 2, 3, 1)  # [out, kh, kw, in]
        if is_quantised(name, w):
            # The original was cast to float16 before it was quantised.
            packed, scales, biases = quantise(w.astype(np.float16), bits)
            out[name], out[name[:-6] + "scales"], out[name[:-6] + "biases"] = packed, scales, biases
        else:
            out[name] = np.ascontiguousarray(w.astype(np.float16))
    return out


def config_json(cfg: Config, bits: int, ids: dict[str, int]) -> dict:
    factors = [1.0] * (cfg.hidden_size // cfg.num_attention_heads // 2)
    return {
        "_attn_implementation": "eager", "architectures": ["Phi3VForCausalLM"], "attention_dropout": 0.0,
        "auto_map": {"AutoConfig": "configuration_phi3_v.Phi3VConfig", "AutoModelForCausalLM": "modeling_phi3_v.Phi3VForCausalLM"},
        "bos_token_id": 1,
        "embd_layer": {"embedding_cls": "image", "hd_transform_order": "sub_glb", "projection_cls": "mlp",
                       "use_hd_transform": True, "with_learnable_separator": True},
        "embd_pdrop": 0.0, "eos_token_id": ids["<|end|>"], "hidden_act": "silu", "hidden_size": cfg.hidden_size,
        "img_processor": {"image_dim_out": cfg.vision_hidden_size, "model_name": "openai/clip-vit-large-patch14-336",
                          "name": "clip_vision_model", "num_img_tokens": cfg.grid ** 2},
        "initializer_range": 0.02, "intermediate_size": cfg.intermediate_size, "max_position_embeddings": 4096,
        "model_type": "phi3_v", "num_attention_heads": cfg.num_attention_heads, "num_hidden_layers": cfg.num_hidden_layers,
        "num_key_value_heads": cfg.num_attention_heads,
        # Equal lengths make the rope's attention factor 1; with factors of 1 it is plain rope.
        "original_max_position_embeddings": 4096, "pad_token_id": ids["<|endoftext|>"],
        "quantization": {"group_size": GROUP, "bits": bits}, "resid_pdrop": 0.0, "rms_norm_eps": 1e-05,
        "rope_scaling": {"long_factor": factors, "short_factor": factors, "type": "su"}, "rope_theta": cfg.rope_theta,
        "sliding_window": 262144, "tie_word_embeddings": False, "torch_dtype": "float16", "transformers_version": "4.38.1",
        "use_cache": True,
        "vision_config": {"hidden_size": cfg.vision_hidden_size, "num_hidden_layers": cfg.vision_layers,
                          "num_attention_heads": cfg.vision_heads, "intermediate_size": cfg.vision_intermediate_size,
                          "image_size": cfg.image_size, "patch_size": cfg.patch_size},
        "vocab_size": cfg.vocab_size,
    }


def write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=4) + "\n")


def export(checkpoint: Path, folder: Path, bits: int) -> None:
    state = torch.load(checkpoint, weights_only=False, map_location="cpu")
    cfg = Config(**state["config"])
    folder.mkdir(parents=True, exist_ok=True)
    out = dict(sorted(tensors(state["model"], bits).items()))
    save_file(out, folder / "model.safetensors", metadata={"format": "mlx"})
    size = sum(a.nbytes for a in out.values())
    write_json(folder / "model.safetensors.index.json",
               {"metadata": {"total_size": size}, "weight_map": {k: "model.safetensors" for k in out}})
    vocab.write(folder)
    tok = vocab.tokenizer()
    ids = {t: tok.token_to_id(t) for t in ("<|end|>", "<|endoftext|>")}
    write_json(folder / "config.json", config_json(cfg, bits, ids))
    write_json(folder / "generation_config.json", {"_from_model_config": True, "bos_token_id": 1,
               "eos_token_id": [ids["<|end|>"], ids["<|endoftext|>"]], "pad_token_id": ids["<|endoftext|>"], "transformers_version": "4.38.1"})
    write_json(folder / "preprocessor_config.json", {"do_convert_rgb": True, "image_mean": MEAN, "image_processor_type": "Phi3VImageProcessor",
               "image_std": STD, "num_crops": 1, "num_img_tokens": cfg.grid ** 2, "processor_class": "Phi3VProcessor"})
    parameters = sum(v.numel() for v in state["model"].values())
    print(f"{folder}: {parameters} parameters, {len(out)} tensors, {size / 1e6:.2f} MB in {bits} bits, "
          f"from {checkpoint.name} step {state['step']} after {state['elapsed']:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--bits", type=int, choices=[4, 8], default=4)
    args = parser.parse_args()
    export(args.checkpoint, args.to, args.bits)
