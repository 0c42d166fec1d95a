// Looks tensors up in a checkpoint and hands them to an engine: each call is one line of a layer.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ops/engine.h"

namespace oc {

// Errors name the file and tensor, and both shapes.
class WeightLoader {
 public:
  WeightLoader(const Checkpoint& checkpoint, Engine& engine)
      : checkpoint_(checkpoint), engine_(engine) {}

  // may_round: RawMatrix's.
  Result<LinearPtr> linear(const std::string& name, std::int64_t rows, std::int64_t cols, bool bias,
                           bool may_round = false) const {
    OC_ASSIGN_OR_RETURN(RawMatrix raw, checkpoint_.matrix(name, rows, cols, bias));
    raw.may_round = may_round;
    return engine_.prepare_linear(std::span(&raw, 1));
  }
  // Several matrices, each a name and its rows, stacked along the rows.
  Result<LinearPtr> stacked(const std::vector<std::pair<std::string, std::int64_t>>& matrices,
                            std::int64_t cols, bool bias) const {
    std::vector<RawMatrix> parts;
    for (const auto& [name, rows] : matrices) {
      OC_ASSIGN_OR_RETURN(RawMatrix raw, checkpoint_.matrix(name, rows, cols, bias));
      parts.push_back(std::move(raw));
    }
    return engine_.prepare_linear(parts);
  }
  Result<TablePtr> table(const std::string& name, std::int64_t rows, std::int64_t cols) const {
    OC_ASSIGN_OR_RETURN(const RawMatrix raw, checkpoint_.matrix(name, rows, cols, false));
    return engine_.prepare_table(raw);
  }
  Result<NormPtr> rms_norm(const std::string& name, std::int64_t width, float eps) const {
    OC_ASSIGN_OR_RETURN(const TensorView weight,
                        checkpoint_.tensor(name + ".weight", Shape{width}));
    return engine_.prepare_norm(NormKind::kRms, eps, weight, nullptr);
  }
  Result<NormPtr> layer_norm(const std::string& name, std::int64_t width, float eps) const {
    OC_ASSIGN_OR_RETURN(const TensorView weight,
                        checkpoint_.tensor(name + ".weight", Shape{width}));
    OC_ASSIGN_OR_RETURN(const TensorView bias, checkpoint_.tensor(name + ".bias", Shape{width}));
    return engine_.prepare_norm(NormKind::kLayer, eps, weight, &bias);
  }
  // A vector of any rank as one row.
  Result<Tensor> row(const std::string& name, const Shape& shape) const {
    OC_ASSIGN_OR_RETURN(const TensorView view, checkpoint_.tensor(name, shape));
    const std::vector<float> values = to_f32(view);
    return engine_.upload(values, 1, static_cast<std::int64_t>(values.size()));
  }

  const Checkpoint& checkpoint() const { return checkpoint_; }
  Engine& engine() const { return engine_; }

 private:
  const Checkpoint& checkpoint_;
  Engine& engine_;
};

}  // namespace oc
