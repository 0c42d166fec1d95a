#include "models/moondream/footprint.h"

#include <algorithm>

#include "models/blocks/footprint.h"
#include "models/moondream/plan.h"
#include "models/moondream/weights.h"

namespace oc {
namespace {

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

Result<ImageFootprint> measure_image(const MoondreamConfig& config, const MemoryTraits& engine,
                                     ImageDetail detail) {
  constexpr int kSide = 4096;  // square
  const ImageOptions options{.detail = detail};
  OC_ASSIGN_OR_RETURN(const ImagePlan plan, plan_moondream_image(config, kSide, kSide, options));
  const CropPlan crops = moondream_crop_plan(plan);
  const SiglipConfig& v = config.vision;
  const std::int64_t c = v.hidden_size, rows = v.patches();
  ImageFootprint out{.tokens = plan.tokens};
  const std::vector<ImageKnob> knobs = moondream_knobs(config);
  OC_ASSIGN_OR_RETURN(out.knobs, knob_values(knobs, options));
  out.description = counted_knobs(knobs, out.knobs);
  out.cached_bytes = size(plan.tokens * config.hidden_size) * sizeof(float);
  out.pixel_bytes = plan.bytes;
  // Of one view: patches and three layer buffers, what attention packs; then the global view, the
  // pooled ones, both side by side, and the projection's layers.
  std::int64_t numbers = rows * (3 * v.patch_size * v.patch_size + 5 * c + v.intermediate_size) +
                         2 * (rows + 63) / 64 * 64 * c + rows * 4 * c +
                         rows * (config.projection_size + config.hidden_size);
  if (engine.whole_scores) numbers += kScoreCopies * v.heads * rows * rows;
  // The grid of all crops' features and one of them, read out.
  const std::int64_t grid = static_cast<std::int64_t>(crops.canvas_width / v.patch_size) *
                            (crops.canvas_height / v.patch_size);
  out.workspace_bytes =
      size(numbers) * engine.number_bytes + row_copies(engine, rows, v.intermediate_size) +
      row_copies(engine, rows, config.projection_size) + size((grid + rows) * c) * sizeof(float);
  return out;
}

}  // namespace

Result<ModelFootprint> measure_moondream(const Checkpoint& checkpoint, const Engine& engine,
                                         const StepShape& step, std::optional<QuantSpec> quantize) {
  OC_ASSIGN_OR_RETURN(const MoondreamConfig config, load_moondream_config(checkpoint.folder()));
  ModelFootprint out;
  out.architecture = "moondream1";
  out.engine = engine.memory_traits();
  out.context_length = config.max_positions;
  OC_ASSIGN_OR_RETURN(out.weights, moondream_weight_type(checkpoint, config));
  if (quantize) out.weights = quantised_type(*quantize);
  OC_RETURN_IF_ERROR(count_weights(
      checkpoint, moondream_tensors(config, moondream_names(checkpoint)), quantize, out));
  out.kv_token_bytes = engine.kv_token_bytes(
      {.layers = config.layers, .kv_heads = config.heads, .head_dim = config.head_dim()});
  out.tokenizer_bytes = tokenizer_bytes(checkpoint.folder());
  // A picture's block is a step by itself, however short the chunks are.
  const StepShape longest{.rows = std::max(step.rows, config.prefix),
                          .logit_rows = step.logit_rows};
  const std::int64_t f = config.intermediate_size;
  out.step_bytes = step_bytes({.hidden_size = config.hidden_size,
                               .intermediate_size = f / 2,  // there is no gate
                               .vocab_size = config.vocab_size,
                               .heads = config.heads,
                               .kv_heads = config.heads,
                               .head_dim = config.head_dim()},
                              out.engine, longest) +
                   row_copies(out.engine, longest.rows, f) -
                   row_copies(out.engine, longest.rows, f / 2);
  for (const ImageDetail detail : {ImageDetail::kAuto, ImageDetail::kHigh}) {
    OC_ASSIGN_OR_RETURN(ImageFootprint picture, measure_image(config, out.engine, detail));
    if (out.pictures.empty() || out.pictures[0].knobs != picture.knobs)
      out.pictures.push_back(std::move(picture));
  }
  return out;
}

}  // namespace oc
