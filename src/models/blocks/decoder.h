// The decoder that Llama, Phi-3 and their like have, over one step, layer by layer: RMSNorm,
// rotated attention with a cache, SiLU gate.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "models/blocks/decoder_pass.h"

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

// As DecoderPass.
std::unique_ptr<ForwardPass> begin_decoder_forward(Engine& engine, const DecoderHeads& heads,
                                                   const DecoderWeights& weights,
                                                   const AppendAngles& append_angles,
                                                   std::span<const StepInput> inputs,
                                                   const Tap* tap);

}  // namespace oc
