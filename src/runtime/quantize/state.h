// What a quantisation has finished so far, kept in the output folder, so that an interrupted run
// goes on where it stopped and a finished one can be reported again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/quantize/report.h"

namespace oc {

// The file that holds it. Written through a temporary name, after the shard that it is about.
inline constexpr const char* kStateFile = "ocellus-quantize.json";

struct FinishedShard {
  std::string file;
  std::size_t bytes = 0;
  std::string sha256;  // hex
  std::vector<TensorReport> tensors;
};

struct QuantizeState {
  std::string fingerprint;  // of the plan
  std::vector<FinishedShard> shards;
  bool complete = false;  // config.json and the other files are there too
};

// nullopt when there is none. kCorrupt: a file that ocellus did not write.
Result<std::optional<QuantizeState>> read_state(const std::filesystem::path& folder);
Result<void> write_state(const std::filesystem::path& folder, const QuantizeState& state);

// Whether the file is there as it was finished, byte for byte.
bool is_intact(const std::filesystem::path& folder, const FinishedShard& shard);

}  // namespace oc
