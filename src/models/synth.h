// Random checkpoints in the right format: for measuring on a machine that has no weights, and for
// tests. They know nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace oc {

// The shapes of all architectures.
std::vector<std::string_view> synth_shapes();

struct SynthOptions {
  std::string shape = std::string(synth_shapes().front());
  std::string quant = "mlx4";  // mlx4 | mlx8 (groups of 64) | bf16 (two shards)
  std::uint64_t seed = 1;
  std::filesystem::path tokenizer;  // folder to copy the tokenizer from; empty: a synthetic one
  std::function<void(std::size_t done, std::size_t total)> progress;  // bytes
};

// Writes config.json, tensors, tokenizer and preprocessor files into `folder`, which is made.
// Weights have a standard deviation of 0.02, norms are 1; rows of the head that belong to special
// ids (SynthCheckpoint::small_rows) are small, so that answers are not stopped at once.
// Deterministic by seed.
Result<void> write_synth(const std::filesystem::path& folder, const SynthOptions& options);

}  // namespace oc
