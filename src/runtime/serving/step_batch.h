// What one step of the service computes together: the next tokens of some sequences.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/serving/request_entry.h"

namespace oc {

// Engine thread only.
class StepBatch {
 public:
  void clear() { parts_.clear(); }
  bool empty() const { return parts_.empty(); }
  void add(RequestEntry& entry, Sequence& sequence, const StepInput& input) {
    parts_.push_back({&entry, &sequence, input});
  }
  // Computes all parts and hands each sequence its logits. What goes wrong with one of them is its
  // request's failure; what goes wrong with the step is everybody's.
  void run(const Model& model);

 private:
  struct Part {
    RequestEntry* entry = nullptr;
    Sequence* sequence = nullptr;
    StepInput input;
  };
  std::vector<Part> parts_;
  std::vector<float> logits_;  // [rows, V]
};

}  // namespace oc
