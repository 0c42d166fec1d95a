// The objects of a golden case of detect or point: what the model's head says at each position,
// what is fed next, and where the objects are.
#pragma once

#include <boost/json/object.hpp>
#include <span>
#include <string>

#include "models/golden.h"
#include "models/model.h"
#include "runtime/verify/expect.h"
#include "runtime/verify/report.h"

namespace oc {

struct GoldenObjects {
  const boost::json::object& golden_case;
  const boost::json::object& variant;  // of it
  const boost::json::object& info;     // of the file
  std::string at, prefix;              // the case's name, and that of its tensors
};

// `kv` holds the prompt; logits [V] and hidden [1, D] are those behind it. With `rounded`
// arithmetic numbers are shown, and objects judged as far as the golden margins are above the
// error.
void verify_objects(const GoldenObjects& golden, const Model& model, KvSequence& kv,
                    std::span<const float> logits, Tensor hidden, const Expectations& expect,
                    const GoldenLimits& limits, bool rounded, VerifyReport& report);

}  // namespace oc
