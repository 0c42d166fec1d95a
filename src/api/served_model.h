// What clients may know about the model that answers.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/request_defaults.h"
#include "io/checkpoint.h"
#include "models/image_plan.h"
#include "models/model.h"
#include "models/task.h"
#include "models/video_frames.h"
#include "ops/engine_info.h"

namespace oc {

// What the page at / offers with the model, from the configuration.
struct UiSettings {
  std::string description;
  std::string default_instruction;              // the first question to offer; empty: none
  std::vector<std::int64_t> capture_intervals;  // ms
  std::optional<std::int64_t> default_interval;
  std::optional<std::int64_t> video_width, video_height;  // of a camera's picture
};

// How far the load of a model is.
struct ModelLoading {
  double seconds = 0;               // since it began
  std::string phase = {};           // "quantizing", "reading"; empty: no figures
  std::size_t done = 0, total = 0;  // bytes of that
};

struct ServedModel {
  std::string name;                  // as clients call it
  std::string id;                    // as the original's backend calls it; empty: its name
  std::vector<std::string> aliases;  // other names that reach it
  std::int64_t created = 0;          // Unix seconds at which it was ready
  std::string fingerprint;           // hex digest of the weights' description
  std::string architecture;
  WeightType weights;
  EngineInfo engine;
  std::int64_t context_length = 0;
  std::vector<ImageKnob> knobs;      // of its way with pictures
  std::optional<FrameRules> frames;  // of videos; nullopt: it is shown none
  TaskSupport tasks;                 // beside conversations
  std::size_t weights_bytes = 0;
  RequestDefaults defaults;  // of requests for it
  UiSettings ui;

  // What `ocellus verify` found about these very files, in short; only where it was asked for.
  std::optional<boost::json::object> certificate;

  bool optimized = false;  // the original's optimised configuration

  // Among several models of one server.
  std::string state = "ready";  // "absent", "loading", "warming", "ready", "draining", "failed"
  bool active = true;           // answers requests without a model's name
  std::optional<ModelLoading> loading;  // of "loading" and "warming"
  std::string why;                      // of "failed"
  std::string fallback;  // why the full-precision checkpoint answers; empty: it does not
  std::size_t loaded_bytes = 0, in_use = 0;
  std::uint64_t requests = 0, loads = 0, failed_loads = 0;
  double idle_s = 0, load_ms = 0;  // load_ms: of the last time that it was loaded
  double keep_alive_s = 0;         // idle for so long it is unloaded; 0: never

  const std::string& key() const { return id.empty() ? name : id; }

  // An empty name asks for whatever is there.
  bool answers_to(std::string_view wanted) const {
    if (wanted.empty() || wanted == name) return true;
    for (const std::string& alias : aliases)
      if (wanted == alias) return true;
    return false;
  }
};

// What a loaded model says of itself, with the defaults of requests for it, which may allow less
// than its context.
ServedModel model_as_served(const ModelInfo& info, const EngineInfo& engine,
                            RequestDefaults defaults);

}  // namespace oc
