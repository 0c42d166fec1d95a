// Turns a checkpoint in full precision into an MLX one of 4 or 8 bits: bit for bit what MLX makes
// of the same values. Interrupted at any moment, the next run goes on from the last finished file;
// the folder is a model (has a config.json) only when everything is there.
#pragma once

#include <functional>

#include "runtime/quantize/report.h"

namespace oc {

struct QuantizeProgress {
  std::size_t done = 0, total = 0;  // bytes of input tensors
  std::size_t resumed = 0;          // of `done`, finished by an earlier run
};

struct QuantizeRun {
  int threads = 0;       // 0: all that the process may use
  bool restart = false;  // forget what an earlier run left in the output folder
  std::function<void(const QuantizeProgress&)> progress = {};
  std::function<bool()> cancelled = {};  // asked several times a second
};

struct Quantized {
  QuantizeReport report;
  std::size_t shards = 0, resumed_shards = 0;  // files in all; found finished and intact
};

// Quantises the model folder `input` into `output`. Errors: those of plan_quantization() and
// write_shard(); an output folder that holds something else, belongs to other options or another
// input, or is too small; kCancelled.
Result<Quantized> quantize(const std::filesystem::path& input, const std::filesystem::path& output,
                           const QuantizePlanOptions& options, const QuantizeRun& run);

}  // namespace oc
