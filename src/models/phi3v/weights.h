// Every tensor of a Phi-3.5-Vision checkpoint, under the checkpoint's own names, checked by shape
// and prepared by an engine. https://huggingface.co/microsoft/Phi-3.5-vision-instruct
#pragma once

#include <vector>

#include "models/blocks/clip.h"
#include "models/blocks/decoder.h"
#include "models/expected_tensors.h"
#include "models/phi3v/config.h"
#include "ops/engine.h"

namespace oc {

struct Phi3VWeights {
  DecoderWeights decoder;
  ClipWeights clip;
  Tensor sub_GN, glb_GN;  // [1, 4C]: end of a row of image tokens; between crops and global view
  LinearPtr img_projection_0, img_projection_2;  // [D, 4C], [D, D] + bias
};

// Errors name the file and tensor, and both shapes.
Result<Phi3VWeights> load_phi3v_weights(const Checkpoint& checkpoint, const Phi3VConfig& config,
                                        Engine& engine);

// What the decoder's matrices are stored as, told from one of them.
Result<WeightType> phi3v_weight_type(const Checkpoint& checkpoint, const Phi3VConfig& config);

// All tensors, the unused last vision layer and post_layernorm included, in the order of execution.
std::vector<ExpectedTensor> phi3v_tensors(const Phi3VConfig& config);

}  // namespace oc
