#include "models/blocks/decoder_pass.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <utility>

namespace oc {
namespace {

std::vector<std::int64_t> range(std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  return rows;
}

}  // namespace

DecoderPass::DecoderPass(Engine& engine, const DecoderHeads& heads, const DecoderEnds& ends,
                         int layers, const AppendAngles& append_angles,
                         std::span<const StepInput> inputs, const Tap* tap)
    : engine_(engine),
      heads_(heads),
      ends_(ends),
      layers_(layers),
      inputs_(inputs.begin(), inputs.end()),
      tap_(tap) {
  std::vector<Tensor> embeds;
  std::int64_t first = 0;
  for (const StepInput& input : inputs_) {
    OC_CHECK(input.kv != nullptr && !input.ids.empty(), "forward: an input without tokens");
    const auto length = static_cast<std::int64_t>(input.ids.size());
    add_segments(input);
    append_angles(input.regime, input.kv->length(), length, batch_);
    want_rows(input, first);
    first += length;
    embeds.push_back(engine_.embed(ends_.embed_tokens, input.ids,
                                   input.image_rows != nullptr ? *input.image_rows : Tensor{}));
  }
  x_ = join_rows(engine_, embeds);
  embeds.clear();
  if (tap_ != nullptr) (*tap_)("decoder.embeds", x_);
}

void DecoderPass::step(int count) {
  OC_CHECK(count > 0 && count <= layers_left(), "{} of {} layers", count, layers_left());
  for (; count > 0; --count) {
    const int layer = next_++;
    x_ = run_layer(layer, std::move(x_));
    if (tap_ != nullptr) (*tap_)(fmt::format("decoder.layer{}", layer), x_);
  }
  if (layers_left() > 0) engine_.settle(x_);
}

Tensor DecoderPass::result() {
  OC_CHECK(layers_left() == 0, "{} layers are left", layers_left());
  for (const StepInput& input : inputs_) input.kv->advance(std::ssize(input.ids));
  hidden_ = engine_.gather(std::span(&x_, 1), wanted_, 1);  // [R, D]
  x_ = {};
  if (tap_ != nullptr) (*tap_)("decoder.norm", engine_.norm(hidden_, ends_.norm));
  if (logit_rows_.empty()) {
    engine_.settle(hidden_);
    return {};
  }
  Tensor rows = logit_rows_.size() == wanted_.size()
                    ? hidden_
                    : engine_.gather(std::span(&hidden_, 1), logit_rows_, 1);
  return engine_.linear(std::move(rows), ends_.lm_head, {.norm = &ends_.norm});  // [S, V]
}

Tensor DecoderPass::attend(int layer, Tensor qkv, Tensor& x) {
  const AttendSpec spec{.heads = heads_.heads,
                        .kv_heads = heads_.kv_heads,
                        .head_dim = heads_.head_dim,
                        .scale = 1.0f / std::sqrt(static_cast<float>(heads_.head_dim)),
                        .layer = layer,
                        .rotated = heads_.rotated};
  Tensor att = engine_.attend(std::move(qkv), spec, batch_);  // [T, H·d]
  if (layer == layers_ - 1 && tap_ == nullptr) {  // nobody reads the other rows of the last
    att = engine_.gather(std::span(&att, 1), wanted_, 1);
    x = engine_.gather(std::span(&x, 1), wanted_, 1);
    wanted_ = range(std::ssize(wanted_));
  }
  return att;
}

// Blocks whose tokens see each other both ways, and what lies between them.
void DecoderPass::add_segments(const StepInput& input) {
  const std::int64_t end = input.kv->length() + std::ssize(input.ids);
  std::int64_t at = input.kv->length();
  const auto add_up_to = [&](std::int64_t to, bool causal) {
    if (to > at)
      batch_.segments.push_back(
          {.kv = input.kv, .position = at, .length = to - at, .causal = causal});
    at = std::max(at, to);
  };
  for (const TokenRange& block : input.blocks) {
    if (block.end <= at || block.begin >= end) continue;
    OC_CHECK(block.begin >= at && block.end <= end, "a step from {} to {} divides a block from {}",
             at, end, block.begin);
    add_up_to(block.begin, true);
    add_up_to(block.end, false);
  }
  add_up_to(end, true);
}

// Rows of the step of which something is wanted; the input's begin at `first`.
void DecoderPass::want_rows(const StepInput& input, std::int64_t first) {
  const std::int64_t length = std::ssize(input.ids);
  OC_CHECK(input.logits || input.logit_rows.empty(), "rows of logits that are not wanted");
  const auto want = [&](std::int64_t row) {
    OC_CHECK(row >= 0 && row < length, "logits of row {} of {}", row, length);
    if (input.logits) logit_rows_.push_back(std::ssize(wanted_));
    wanted_.push_back(first + row);
  };
  if (input.logit_rows.empty()) want(length - 1);
  for (const std::int64_t row : input.logit_rows) want(row);
}

Tensor join_rows(Engine& engine, std::span<const Tensor> parts) {
  if (parts.size() == 1) return parts[0];
  std::int64_t total = 0;
  for (const Tensor& part : parts) total += part.rows();
  return engine.gather(parts, range(total), 1);
}

}  // namespace oc
