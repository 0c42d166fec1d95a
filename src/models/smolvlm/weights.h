// Every tensor of a SmolVLM2 checkpoint, under the names that its file has, checked by shape and
// prepared by an engine.
#pragma once

#include <string>
#include <vector>

#include "models/blocks/decoder.h"
#include "models/blocks/siglip.h"
#include "models/smolvlm/config.h"

namespace oc {

// What names begin with: Hugging Face's, or those of mlx-vlm's conversions.
struct SmolVlmNames {
  std::string text = "model.text_model.";      // "embed_tokens", "layers.", "norm"
  std::string lm_head = "lm_head";             // whole
  std::string vision = "model.vision_model.";  // "embeddings.", "encoder.", "post_layernorm"
  std::string projection = "model.connector.modality_projection.proj";  // whole
};
// Part by part, as the checkpoint has them; Hugging Face's where it has neither.
SmolVlmNames smolvlm_names(const Checkpoint& checkpoint);

struct SmolVlmWeights {
  DecoderWeights decoder;
  SiglipWeights vision;
  LinearPtr projection;  // [D, C·s²]
};

// Errors name the file and tensor, and both shapes.
Result<SmolVlmWeights> load_smolvlm_weights(const Checkpoint& checkpoint,
                                            const SmolVlmConfig& config, Engine& engine);

// What the decoder's matrices are stored as, told from one of them.
Result<WeightType> smolvlm_weight_type(const Checkpoint& checkpoint, const SmolVlmConfig& config);

// All tensors, in the order of execution.
std::vector<ExpectedTensor> smolvlm_tensors(const SmolVlmConfig& config, const SmolVlmNames& names);

}  // namespace oc
