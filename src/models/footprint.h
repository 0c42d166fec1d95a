// What a model takes of memory, told from its folder's headers and an engine's habits: nothing is
// loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/checkpoint.h"
#include "models/image_plan.h"
#include "ops/engine.h"

namespace oc {

// Rows that are computed together.
struct StepShape {
  std::int64_t rows = 0;        // of prompt and answers
  std::int64_t logit_rows = 0;  // of those whose logits are wanted
};

struct ImageFootprint {
  KnobValues knobs;         // that it has such a picture with
  std::string description;  // of these, for people: "16 crops"
  std::int64_t tokens = 0;
  std::size_t cached_bytes = 0;     // of its embeddings
  std::size_t pixel_bytes = 0;      // resized, cut and normalised
  std::size_t workspace_bytes = 0;  // of the vision tower and projector, over them
};

struct ModelFootprint {
  std::string architecture;
  WeightType weights;  // of the decoder's matrices, as loaded
  std::int64_t context_length = 0;
  std::size_t file_bytes = 0;    // of the weights on disk
  std::size_t mapped_bytes = 0;  // read in place: shared, and the system's to take back
  std::size_t copied_bytes = 0;  // the engine's own
  std::size_t kv_token_bytes = 0;
  std::size_t tokenizer_bytes = 0;
  std::size_t step_bytes = 0;  // activations of one step
  // Large square ones: as the model shows them by itself, and with detail: high where that is more.
  std::vector<ImageFootprint> pictures;
  MemoryTraits engine;
};

// `quantize`: as if the checkpoint were quantised to that on load; kUnsupported where it is
// already. Errors: as of loading, as far as headers tell.
Result<ModelFootprint> measure_model(const std::filesystem::path& folder, const Engine& engine,
                                     const StepShape& step,
                                     std::optional<QuantSpec> quantize = std::nullopt);

}  // namespace oc
