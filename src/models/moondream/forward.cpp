#include "models/moondream/forward.h"

#include <utility>

namespace oc {
namespace {

class MoondreamPass final : public DecoderPass {
 public:
  MoondreamPass(Engine& engine, const DecoderHeads& heads, const MoondreamWeights& weights,
                const AppendAngles& append_angles, std::span<const StepInput> inputs,
                const Tap* tap)
      : DecoderPass(engine, heads, {*weights.embed, *weights.norm, *weights.lm_head},
                    static_cast<int>(weights.layers.size()), append_angles, inputs, tap),
        weights_(weights) {}

 private:
  // x + proj(attention(n)) + fc2(gelu(fc1(n))), n = ln(x)
  Tensor run_layer(int i, Tensor x) override {
    const MoondreamLayer& layer = weights_.layers[static_cast<std::size_t>(i)];
    Tensor qkv = engine_.linear(x, *layer.qkv, {.norm = layer.ln.get()});  // [T, 3D]
    Tensor att = attend(i, std::move(qkv), x);                             // [T, D]
    Tensor hidden = engine_.linear(                                        // [T, F]
        x, *layer.mlp.fc1, {.norm = layer.ln.get(), .activation = Activation::kGeluTanh});
    x = engine_.linear(std::move(att), *layer.proj, {.add = std::move(x)});
    return engine_.linear(std::move(hidden), *layer.mlp.fc2, {.add = std::move(x)});
  }

  const MoondreamWeights& weights_;
};

}  // namespace

std::unique_ptr<ForwardPass> begin_moondream_forward(Engine& engine, const DecoderHeads& heads,
                                                     const MoondreamWeights& weights,
                                                     const AppendAngles& append_angles,
                                                     std::span<const StepInput> inputs,
                                                     const Tap* tap) {
  return std::make_unique<MoondreamPass>(engine, heads, weights, append_angles, inputs, tap);
}

}  // namespace oc
