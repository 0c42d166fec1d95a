#include "models/blocks/decoder.h"

#include <utility>

namespace oc {
namespace {

class GatedPass final : public DecoderPass {
 public:
  GatedPass(Engine& engine, const DecoderHeads& heads, const DecoderWeights& weights,
            const AppendAngles& append_angles, std::span<const StepInput> inputs, const Tap* tap)
      : DecoderPass(engine, heads, {*weights.embed_tokens, *weights.norm, *weights.lm_head},
                    static_cast<int>(weights.layers.size()), append_angles, inputs, tap),
        weights_(weights) {}

 private:
  Tensor run_layer(int i, Tensor x) override {
    const DecoderLayer& layer = weights_.layers[static_cast<std::size_t>(i)];
    Tensor qkv = engine_.linear(  // [T, (H+2G)·d]
        x, *layer.qkv_proj, {.norm = layer.input_layernorm.get()});
    Tensor att = attend(i, std::move(qkv), x);  // [T, H·d]
    x = engine_.linear(std::move(att), *layer.o_proj, {.add = std::move(x)});
    return engine_.gated_mlp(std::move(x), *layer.post_attention_layernorm, *layer.gate_up_proj,
                             *layer.down_proj);
  }

  const DecoderWeights& weights_;
};

}  // namespace

std::unique_ptr<ForwardPass> begin_decoder_forward(Engine& engine, const DecoderHeads& heads,
                                                   const DecoderWeights& weights,
                                                   const AppendAngles& append_angles,
                                                   std::span<const StepInput> inputs,
                                                   const Tap* tap) {
  return std::make_unique<GatedPass>(engine, heads, weights, append_angles, inputs, tap);
}

}  // namespace oc
