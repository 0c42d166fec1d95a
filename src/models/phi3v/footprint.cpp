#include "models/phi3v/footprint.h"

#include "models/blocks/footprint.h"
#include "models/phi3v/plan.h"
#include "models/phi3v/weights.h"

namespace oc {
namespace {

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

Result<ImageFootprint> measure_image(const Phi3VConfig& config, const MemoryTraits& engine,
                                     ImageDetail detail) {
  constexpr int kSide = 4096;  // larger than any number of crops: all are used
  const ImageOptions options{.detail = detail};
  OC_ASSIGN_OR_RETURN(const ImagePlan plan, plan_phi3v_image(config, kSide, kSide, options));
  const ClipConfig& v = config.vision;
  const std::int64_t views = plan.views, c = v.hidden_size;
  const std::int64_t rows = v.rows();
  const std::int64_t merged = std::int64_t{config.merged()} * config.merged() * views;
  ImageFootprint out{.tokens = plan.tokens};
  const std::vector<ImageKnob> knobs = phi3v_knobs(config);
  OC_ASSIGN_OR_RETURN(out.knobs, knob_values(knobs, options));
  out.description = counted_knobs(knobs, out.knobs);
  out.cached_bytes = size(plan.tokens * config.hidden_size) * sizeof(float);
  out.pixel_bytes = plan.bytes;
  // Patches and three layer buffers, what attention packs, the finished views; then the merge and
  // the projector over all tokens.
  std::int64_t numbers = rows * (3 * v.patch_size * v.patch_size + 5 * c + v.intermediate_size) +
                         2 * (rows + 63) / 64 * 64 * c + views * rows * c;
  if (engine.whole_scores) numbers += kScoreCopies * v.heads * rows * rows;
  numbers += (merged + plan.tokens) * 4 * c + plan.tokens * 2 * config.hidden_size;
  out.workspace_bytes = size(numbers) * engine.number_bytes +
                        row_copies(engine, rows, v.intermediate_size) +
                        row_copies(engine, plan.tokens, 4 * c);
  return out;
}

}  // namespace

Result<ModelFootprint> measure_phi3v(const Checkpoint& checkpoint, const Engine& engine,
                                     const StepShape& step, std::optional<QuantSpec> quantize) {
  OC_ASSIGN_OR_RETURN(const Phi3VConfig config, load_phi3v_config(checkpoint.folder()));
  ModelFootprint out;
  out.architecture = "phi3_v";
  out.engine = engine.memory_traits();
  out.context_length = config.max_positions;
  OC_ASSIGN_OR_RETURN(out.weights, phi3v_weight_type(checkpoint, config));
  if (quantize) out.weights = quantised_type(*quantize);
  OC_RETURN_IF_ERROR(count_weights(checkpoint, phi3v_tensors(config), quantize, out));
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
    out.pictures.push_back(picture);
  }
  return out;
}

}  // namespace oc
