// The decoder that Llama, Phi-3 and their like have, over one step, layer by layer: RMSNorm,
// rotated attention with a cache, SiLU gate.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "models/model.h"

namespace oc {

struct DecoderLayer {
  NormPtr input_layernorm, post_attention_layernorm;  // [D]
  LinearPtr qkv_proj;                                 // [(H+2G)·d, D]
  LinearPtr o_proj;                                   // [D, H·d]
  LinearPtr gate_up_proj;                             // [2F, D], gate first
  LinearPtr down_proj;                                // [D, F]
};

struct DecoderWeights {
  TablePtr embed_tokens;  // [V, D]
  std::vector<DecoderLayer> layers;
  NormPtr norm;       // [D]
  LinearPtr lm_head;  // [V, D]
};

struct DecoderHeads {
  int heads = 0, kv_heads = 0, head_dim = 0;  // H, G, d
};

// Appends cos and sin of `count` positions from `first` on, for a sequence in `regime`.
using AppendAngles =
    std::function<void(int regime, std::int64_t first, std::int64_t count, Batch&)>;

// As Model::begin_forward(); weights, inputs' contents and tap outlive it. The tap sees
// "decoder.embeds", "decoder.layer<i>" and "decoder.norm".
std::unique_ptr<ForwardPass> begin_decoder_forward(Engine& engine, const DecoderHeads& heads,
                                                   const DecoderWeights& weights,
                                                   const AppendAngles& append_angles,
                                                   std::span<const StepInput> inputs,
                                                   const Tap* tap);

// Rows of all tensors, one behind the other. → [sum of rows, cols]
Tensor join_rows(Engine& engine, std::span<const Tensor> parts);

}  // namespace oc
