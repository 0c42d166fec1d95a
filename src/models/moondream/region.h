// The region head of Moondream2: where objects are, read from the decoder's last hidden state and
// fed back to it as embeddings. (moondream/torch/region.py, moondream.py: _generate_points)
#pragma once

#include <memory>

#include "models/model.h"
#include "models/moondream/weights.h"

namespace oc {

// As Model::begin_objects(). Engine, config, weights and tap outlive it. The tap sees
// "objects.x_logits", "objects.y_logits" [1, bins] and "objects.size_logits" [1, 2 · bins], and
// what is fed next, "objects.x_embed", "objects.y_embed" and "objects.size_embed" [1, D].
std::unique_ptr<ObjectDecoding> begin_moondream_objects(Engine& engine,
                                                        const MoondreamConfig& config,
                                                        const MoondreamRegion& region,
                                                        const Task& task,
                                                        const ObjectOptions& options);

// A box's width or height of a bin, in shares of the picture's.
double moondream_size_of_bin(const MoondreamRevision& revision, std::int64_t bin,
                             std::int64_t bins);

}  // namespace oc
