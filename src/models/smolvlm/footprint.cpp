#include "models/smolvlm/footprint.h"

#include <algorithm>

#include "models/blocks/footprint.h"
#include "models/smolvlm/plan.h"
#include "models/smolvlm/weights.h"

namespace oc {
namespace {

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

Result<ImageFootprint> measure_image(const SmolVlmConfig& config, const MemoryTraits& engine,
                                     ImageDetail detail) {
  constexpr int kSide = 4096;  // square: as many tiles as there may be
  const ImageOptions options{.detail = detail};
  OC_ASSIGN_OR_RETURN(const ImagePlan plan, plan_smolvlm_image(config, kSide, kSide, options));
  const SiglipConfig& v = config.vision;
  const std::int64_t c = v.hidden_size, rows = v.patches();
  const std::int64_t shuffled = rows * c;  // numbers of a view, whatever their order
  ImageFootprint out{.tokens = plan.tokens};
  const std::vector<ImageKnob> knobs = smolvlm_knobs(config);
  OC_ASSIGN_OR_RETURN(out.knobs, knob_values(knobs, options));
  out.description = counted_knobs(knobs, out.knobs);
  out.cached_bytes = size(plan.tokens * config.hidden_size) * sizeof(float);
  out.pixel_bytes = plan.bytes;
  // Of one view: patches and three layer buffers, what attention packs, the shuffle; the rows of
  // all views, and their join.
  std::int64_t numbers = rows * (3 * v.patch_size * v.patch_size + 5 * c + v.intermediate_size) +
                         2 * (rows + 63) / 64 * 64 * c + shuffled +
                         2 * plan.tokens * config.hidden_size;
  if (engine.whole_scores) numbers += kScoreCopies * v.heads * rows * rows;
  const std::int64_t view_tokens = config.view_tokens();
  out.workspace_bytes = size(numbers) * engine.number_bytes +
                        row_copies(engine, rows, v.intermediate_size) +
                        row_copies(engine, view_tokens, shuffled / view_tokens);
  return out;
}

}  // namespace

Result<ModelFootprint> measure_smolvlm(const Checkpoint& checkpoint, const Engine& engine,
                                       const StepShape& step, std::optional<QuantSpec> quantize) {
  OC_ASSIGN_OR_RETURN(const SmolVlmConfig config, load_smolvlm_config(checkpoint.folder()));
  ModelFootprint out;
  out.architecture = "smolvlm";
  out.engine = engine.memory_traits();
  out.context_length = config.max_positions;
  OC_ASSIGN_OR_RETURN(out.weights, smolvlm_weight_type(checkpoint, config));
  if (quantize) out.weights = quantised_type(*quantize);
  OC_RETURN_IF_ERROR(
      count_weights(checkpoint, smolvlm_tensors(config, smolvlm_names(checkpoint)), quantize, out));
  out.kv_token_bytes = engine.kv_token_bytes(
      {.layers = config.layers, .kv_heads = config.kv_heads, .head_dim = config.head_dim});
  out.tokenizer_bytes = tokenizer_bytes(checkpoint.folder());
  out.step_bytes = step_bytes({.hidden_size = config.hidden_size,
                               .intermediate_size = config.intermediate_size,
                               .vocab_size = config.vocab_size,
                               .heads = config.heads,
                               .kv_heads = config.kv_heads,
                               .head_dim = config.head_dim},
                              out.engine, step);
  for (const ImageDetail detail : {ImageDetail::kAuto, ImageDetail::kHigh}) {
    OC_ASSIGN_OR_RETURN(ImageFootprint picture, measure_image(config, out.engine, detail));
    if (out.pictures.empty() || out.pictures[0].knobs != picture.knobs)
      out.pictures.push_back(std::move(picture));
  }
  return out;
}

}  // namespace oc
