#include "api/served_model.h"

#include <algorithm>
#include <utility>

namespace oc {

ServedModel model_as_served(const ModelInfo& info, const EngineInfo& engine,
                            RequestDefaults defaults) {
  ServedModel out;
  out.fingerprint = info.fingerprint;
  out.architecture = info.architecture;
  out.weights = info.weights;
  out.engine = engine;
  out.context_length =
      std::min(info.context_length, defaults.max_sequence.value_or(info.context_length));
  out.knobs = info.knobs;
  out.frames = info.frames;
  out.tasks = info.tasks;
  out.weights_bytes = info.weights_bytes;
  out.defaults = std::move(defaults);
  return out;
}

}  // namespace oc
