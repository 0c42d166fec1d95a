#include "models/blocks/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

namespace oc {
namespace {

std::vector<std::int64_t> range(std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  return rows;
}

class DecoderPass final : public ForwardPass {
 public:
  DecoderPass(Engine& engine, const DecoderHeads& heads, const DecoderWeights& weights,
              const AppendAngles& append_angles, std::span<const StepInput> inputs, const Tap* tap)
      : engine_(engine),
        heads_(heads),
        weights_(weights),
        inputs_(inputs.begin(), inputs.end()),
        tap_(tap) {
    std::vector<Tensor> embeds;
    std::int64_t first = 0;
    for (const StepInput& input : inputs_) {
      OC_CHECK(input.kv != nullptr && !input.ids.empty(), "forward: an input without tokens");
      const std::int64_t position = input.kv->length();
      const auto length = static_cast<std::int64_t>(input.ids.size());
      batch_.segments.push_back({input.kv, position, length});
      append_angles(input.regime, position, length, batch_);
      want_rows(input, first);
      first += length;
      embeds.push_back(engine_.embed(*weights_.embed_tokens, input.ids,
                                     input.image_rows != nullptr ? *input.image_rows : Tensor{}));
    }
    x_ = join_rows(engine_, embeds);
    embeds.clear();
    if (tap_ != nullptr) (*tap_)("decoder.embeds", x_);
  }

  int layers() const override { return static_cast<int>(weights_.layers.size()); }
  int layers_left() const override { return layers() - next_; }

  void step(int count) override {
    OC_CHECK(count > 0 && count <= layers_left(), "{} of {} layers", count, layers_left());
    for (; count > 0; --count) run_layer(next_++);
    if (layers_left() > 0) engine_.settle(x_);
  }

  Tensor result() override {
    OC_CHECK(layers_left() == 0, "{} layers are left", layers_left());
    for (const StepInput& input : inputs_)
      input.kv->advance(static_cast<std::int64_t>(input.ids.size()));
    Tensor x = engine_.gather(std::span(&x_, 1), wanted_, 1);  // [S, D]
    x_ = {};
    if (tap_ != nullptr) (*tap_)("decoder.norm", engine_.norm(x, *weights_.norm));
    return engine_.linear(std::move(x), *weights_.lm_head, {.norm = weights_.norm.get()});
  }

 private:
  void run_layer(int i) {
    const DecoderLayer& layer = weights_.layers[static_cast<std::size_t>(i)];
    Tensor qkv = engine_.linear(  // [T, (H+2G)·d]
        x_, *layer.qkv_proj, {.norm = layer.input_layernorm.get()});
    Tensor att = engine_.attend(std::move(qkv), attend_spec(i), batch_);  // [T, H·d]
    if (i == layers() - 1 && tap_ == nullptr) {  // nobody reads the other rows of the last
      att = engine_.gather(std::span(&att, 1), wanted_, 1);
      x_ = engine_.gather(std::span(&x_, 1), wanted_, 1);
      wanted_ = range(std::ssize(wanted_));
    }
    x_ = engine_.linear(std::move(att), *layer.o_proj, {.add = std::move(x_)});
    x_ = engine_.gated_mlp(std::move(x_), *layer.post_attention_layernorm, *layer.gate_up_proj,
                           *layer.down_proj);
    if (tap_ != nullptr) (*tap_)(fmt::format("decoder.layer{}", i), x_);
  }

  AttendSpec attend_spec(int layer) const {
    return {.heads = heads_.heads,
            .kv_heads = heads_.kv_heads,
            .head_dim = heads_.head_dim,
            .scale = 1.0f / std::sqrt(static_cast<float>(heads_.head_dim)),
            .layer = layer};
  }

  // Rows of the step whose logits are wanted; the input's begin at `first`.
  void want_rows(const StepInput& input, std::int64_t first) {
    const std::int64_t length = std::ssize(input.ids);
    if (input.logit_rows.empty()) wanted_.push_back(first + length - 1);
    for (const std::int64_t row : input.logit_rows) {
      OC_CHECK(row >= 0 && row < length, "logits of row {} of {}", row, length);
      wanted_.push_back(first + row);
    }
  }

  Engine& engine_;
  const DecoderHeads heads_;
  const DecoderWeights& weights_;
  const std::vector<StepInput> inputs_;
  const Tap* tap_;
  Batch batch_;
  std::vector<std::int64_t> wanted_;  // of the rows of x_
  Tensor x_;                          // [T, D]
  int next_ = 0;                      // layer
};

}  // namespace

std::unique_ptr<ForwardPass> begin_decoder_forward(Engine& engine, const DecoderHeads& heads,
                                                   const DecoderWeights& weights,
                                                   const AppendAngles& append_angles,
                                                   std::span<const StepInput> inputs,
                                                   const Tap* tap) {
  return std::make_unique<DecoderPass>(engine, heads, weights, append_angles, inputs, tap);
}

Tensor join_rows(Engine& engine, std::span<const Tensor> parts) {
  if (parts.size() == 1) return parts[0];
  std::int64_t total = 0;
  for (const Tensor& part : parts) total += part.rows();
  return engine.gather(parts, range(total), 1);
}

}  // namespace oc
