// A prompt's block that cannot be divided, computed a few layers at a time between the steps of
// others.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/model.h"

namespace oc {

// Engine thread only. What `input` refers to outlives it.
class LayeredStep {
 public:
  LayeredStep(const Model& model, const StepInput& input)
      : model_(model),
        tokens_(std::ssize(input.ids)),
        pass_(model.begin_forward({&input, 1}, nullptr)) {}

  // As many layers as take about as long as all of them do for `limit` tokens; one at least.
  void advance(std::int64_t limit);
  bool done() const { return pass_->layers_left() == 0; }
  // What has been computed, as a part of its tokens: fewer than all until it is done.
  std::int64_t tokens_done() const {
    return tokens_ * (pass_->layers() - pass_->layers_left()) / pass_->layers();
  }
  // When it is done, once: the tokens are in the sequence. → logits [rows, V], empty when they are
  // not wanted.
  std::vector<float> finish();
  Tensor hidden() { return pass_->hidden(); }  // behind it; as of ForwardPass

 private:
  const Model& model_;
  const std::int64_t tokens_;
  std::unique_ptr<ForwardPass> pass_;
};

}  // namespace oc
