// From the name of a model to the loaded model.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "models/model.h"
#include "runtime/library/weight_reader.h"

namespace oc {

struct LoadedModel {
  std::string name;                // as clients call it, e.g. "ocellus-demo"
  std::shared_ptr<Engine> engine;  // outlives the model
  std::unique_ptr<const Model> model;
  double load_ms = 0;
  std::unique_ptr<WeightReader> reader;  // of LoadOptions::kBackground; ends before the model does
};

// The weights are mapped, and pages that nobody has read yet halve the speed of the first step:
// each costs a fault, and the kernels' prefetches do not reach them.
struct LoadOptions {
  enum class Weights {
    kBackground,  // threads read them; load() waits for `patience`, they go on at low priority
    kPreload,     // load() returns when all are in memory
    kLock,        // the same, and the system may not take them away again (mlock)
  };
  Weights weights = Weights::kBackground;
  // Enough for some GB where the page cache holds them; where it does not, computing need not wait.
  std::chrono::milliseconds patience{300};
  // A checkpoint in full precision is quantised first, or its copy of an earlier time is taken
  // (runtime/quantize/on_load.h). One that is quantised already is refused, unless only others are
  // meant.
  int quantize_bits = 0;  // 4, 8; 0: as it is
  int quantize_group = 64;
  bool only_full_precision = false;
  std::function<void(std::size_t done, std::size_t total)> quantize_progress = {};
  // kPreload, kLock: told the bytes in memory so far and in all. Thread of load().
  std::function<void(std::size_t done, std::size_t total)> progress = {};
};

Result<std::shared_ptr<const LoadedModel>> load(const std::string& name_or_path,
                                                const EngineOptions& options,
                                                const LoadOptions& load_options = {});

}  // namespace oc
