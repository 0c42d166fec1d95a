#include "runtime/serving/layered_step.h"

#include <algorithm>

namespace oc {

void LayeredStep::advance(std::int64_t limit) {
  const std::int64_t layers = limit * pass_->layers() / tokens_;
  pass_->step(static_cast<int>(std::clamp<std::int64_t>(layers, 1, pass_->layers_left())));
}

std::vector<float> LayeredStep::finish() {
  const Tensor rows = pass_->result();
  std::vector<float> logits(static_cast<std::size_t>(rows.rows() * rows.cols()));
  if (!rows.empty()) model_.engine().read(rows, logits);
  return logits;
}

}  // namespace oc
