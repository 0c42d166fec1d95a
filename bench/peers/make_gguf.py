"""Writes a random Q4_0 GGUF of the decoder's shape (llama.cpp's name for it: phi3)."""

import sys

import gguf
import numpy as np

import shapes as s


def main(path):
    rng = np.random.default_rng(1)
    out = gguf.GGUFWriter(path, "phi3")
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
    out.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    out.add_tokenizer_model("no_vocab")

    def norm(name):
        out.add_tensor(name, rng.uniform(0.9, 1.1, s.HIDDEN).astype(np.float32))

    def matrix(name, rows, cols):
        # 32 numbers of 4 bits behind their scale, 18 bytes
        blocks = np.frombuffer(rng.bytes(rows * cols // 32 * 18), np.uint8).reshape(-1, 18).copy()
        scale = (rng.uniform(0.5, 1.5, len(blocks)) * 0.004).astype(np.float16)
        blocks[:, :2] = scale.view(np.uint8).reshape(-1, 2)
        out.add_tensor(
            name, blocks.reshape(rows, -1), raw_dtype=gguf.GGMLQuantizationType.Q4_0
        )

    matrix("token_embd.weight", s.VOCAB, s.HIDDEN)
    for i in range(s.LAYERS):
        norm(f"blk.{i}.attn_norm.weight")
        matrix(f"blk.{i}.attn_qkv.weight", 3 * s.HIDDEN, s.HIDDEN)
        matrix(f"blk.{i}.attn_output.weight", s.HIDDEN, s.HIDDEN)
        norm(f"blk.{i}.ffn_norm.weight")
        matrix(f"blk.{i}.ffn_up.weight", 2 * s.MLP, s.HIDDEN)
        matrix(f"blk.{i}.ffn_down.weight", s.HIDDEN, s.MLP)
    norm("output_norm.weight")
    matrix("output.weight", s.VOCAB, s.HIDDEN)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    main(sys.argv[1])
