"""Writes a random Q4_0 GGUF of the decoder's shape (llama.cpp's name for it: phi3)."""

import sys

import shapes as s
from random_gguf import RandomGguf


def main(path):
    out = RandomGguf(path, "phi3", "q4_0")
    out.add_context_length(4096)
    out.add_embedding_length(s.HIDDEN)
    out.add_feed_forward_length(s.MLP)
    out.add_block_count(s.LAYERS)
    out.add_head_count(s.HEADS)
    out.add_head_count_kv(s.HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(s.HEAD)
    out.add_sliding_window(262144)  # never acts
    out.add_rope_freq_base(10000.0)
    out.add_vocab_size(s.VOCAB)
    out.add_tokenizer_model("no_vocab")
    out.matrix("token_embd.weight", s.VOCAB, s.HIDDEN)
    for i in range(s.LAYERS):
        out.norm(f"blk.{i}.attn_norm.weight", s.HIDDEN)
        out.matrix(f"blk.{i}.attn_qkv.weight", 3 * s.HIDDEN, s.HIDDEN)
        out.matrix(f"blk.{i}.attn_output.weight", s.HIDDEN, s.HIDDEN)
        out.norm(f"blk.{i}.ffn_norm.weight", s.HIDDEN)
        out.matrix(f"blk.{i}.ffn_up.weight", 2 * s.MLP, s.HIDDEN)
        out.matrix(f"blk.{i}.ffn_down.weight", s.HIDDEN, s.MLP)
    out.norm("output_norm.weight", s.HIDDEN)
    out.matrix("output.weight", s.VOCAB, s.HIDDEN)
    out.finish()


if __name__ == "__main__":
    main(sys.argv[1])
