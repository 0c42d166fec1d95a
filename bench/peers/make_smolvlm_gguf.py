"""Writes random GGUF files in the shape of a SmolVLM2 checkpoint, with its tokenizer: the decoder
(llama.cpp's name for it: llama) and the tower with its connector (clip, idefics3). Sizes are those
of the checkpoint's own JSON files, so both engines run the same."""

import argparse
import json
import pathlib

import gguf

from random_gguf import RandomGguf


def read(folder, name):
    return json.loads((folder / name).read_text())


def add_tokenizer(out, folder, template):
    tokenizer = read(folder, "tokenizer.json")
    special = {t["content"] for t in tokenizer["added_tokens"]}
    ids = dict(tokenizer["model"]["vocab"])
    ids.update({t["content"]: t["id"] for t in tokenizer["added_tokens"]})
    tokens = sorted(ids, key=ids.get)
    assert [ids[t] for t in tokens] == list(range(len(tokens)))
    kinds = [
        gguf.TokenType.CONTROL if t in special else gguf.TokenType.NORMAL for t in tokens
    ]
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("smollm")
    out.add_token_list(tokens)
    out.add_token_types(kinds)
    out.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    out.add_bos_token_id(ids["<|im_start|>"])
    out.add_eos_token_id(ids["<end_of_utterance>"])
    out.add_pad_token_id(ids["<|im_end|>"])
    out.add_add_bos_token(False)
    out.add_chat_template(json.loads(template.read_text())["chat_template"])


def write_decoder(path, kind, folder, template):
    c = read(folder, "config.json")["text_config"]
    hidden, mlp, vocab = c["hidden_size"], c["intermediate_size"], c["vocab_size"]
    q, kv = (c[f"num_{k}_heads"] * c["head_dim"] for k in ("attention", "key_value"))
    out = RandomGguf(path, "llama", kind)
    out.add_context_length(c["max_position_embeddings"])
    out.add_embedding_length(hidden)
    out.add_feed_forward_length(mlp)
    out.add_block_count(c["num_hidden_layers"])
    out.add_head_count(c["num_attention_heads"])
    out.add_head_count_kv(c["num_key_value_heads"])
    out.add_layer_norm_rms_eps(c["rms_norm_eps"])
    out.add_rope_dimension_count(c["head_dim"])
    out.add_rope_freq_base(c["rope_theta"])
    out.add_vocab_size(vocab)
    add_tokenizer(out, folder, template)
    out.matrix("token_embd.weight", vocab, hidden)
    for i in range(c["num_hidden_layers"]):
        out.norm(f"blk.{i}.attn_norm.weight", hidden)
        out.matrix(f"blk.{i}.attn_q.weight", q, hidden)
        out.matrix(f"blk.{i}.attn_k.weight", kv, hidden)
        out.matrix(f"blk.{i}.attn_v.weight", kv, hidden)
        out.matrix(f"blk.{i}.attn_output.weight", hidden, q)
        out.norm(f"blk.{i}.ffn_norm.weight", hidden)
        out.matrix(f"blk.{i}.ffn_gate.weight", mlp, hidden)
        out.matrix(f"blk.{i}.ffn_up.weight", mlp, hidden)
        out.matrix(f"blk.{i}.ffn_down.weight", hidden, mlp)
    out.norm("output_norm.weight", hidden)
    out.matrix("output.weight", vocab, hidden)
    out.finish()


def write_tower(path, kind, folder):
    config, picture = read(folder, "config.json"), read(folder, "preprocessor_config.json")
    v, scale = config["vision_config"], config["scale_factor"]
    width, mlp, patch = v["hidden_size"], v["intermediate_size"], v["patch_size"]
    hidden = config["text_config"]["hidden_size"]
    out = RandomGguf(path, "clip", kind)
    out.add_type(gguf.GGUFType.MMPROJ)
    out.add_clip_has_vision_encoder(True)
    out.add_clip_projector_type(gguf.VisionProjectorType.IDEFICS3)
    out.add_vision_projection_dim(hidden)
    out.add_vision_image_size(v["image_size"])
    out.add_vision_patch_size(patch)
    out.add_vision_embedding_length(width)
    out.add_vision_feed_forward_length(mlp)
    out.add_vision_block_count(v["num_hidden_layers"])
    out.add_vision_head_count(v["num_attention_heads"])
    out.add_vision_image_mean(picture["image_mean"])
    out.add_vision_image_std(picture["image_std"])
    out.add_vision_attention_layernorm_eps(1e-6)
    out.add_vision_projector_scale_factor(scale)
    out.add_vision_use_gelu(True)
    out.add_vision_preproc_image_size(picture["size"]["longest_edge"])

    def linear(name, rows, cols):
        out.matrix(f"{name}.weight", rows, cols)
        out.small(f"{name}.bias", rows)

    def norm(name):
        out.norm(f"{name}.weight", width)
        out.small(f"{name}.bias", width)

    out.small("v.patch_embd.weight", width, 3, patch, patch)
    out.small("v.patch_embd.bias", width)
    out.small("v.position_embd.weight", (v["image_size"] // patch) ** 2, width)
    for i in range(v["num_hidden_layers"]):
        norm(f"v.blk.{i}.ln1")
        for part in ("q", "k", "v", "out"):
            linear(f"v.blk.{i}.attn_{part}", width, width)
        norm(f"v.blk.{i}.ln2")
        linear(f"v.blk.{i}.ffn_up", mlp, width)
        linear(f"v.blk.{i}.ffn_down", width, mlp)
    norm("v.post_ln")
    out.matrix("mm.model.fc.weight", hidden, width * scale**2)
    out.finish()


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("checkpoint", type=pathlib.Path, help="of `ocellus synth --shape smolvlm2-…`")
    ask.add_argument("--template", type=pathlib.Path, required=True, help="chat_template.json")
    ask.add_argument("--decoder", help="file to write")
    ask.add_argument("--decoder-kind", choices=["q4_0", "q8_0"])
    ask.add_argument("--tower", help="file to write")
    ask.add_argument("--tower-kind", choices=["f16", "bf16", "q8_0", "q4_0"])
    args = ask.parse_args()
    if args.decoder:
        write_decoder(args.decoder, args.decoder_kind, args.checkpoint, args.template)
    if args.tower:
        write_tower(args.tower, args.tower_kind, args.checkpoint)


if __name__ == "__main__":
    main()
