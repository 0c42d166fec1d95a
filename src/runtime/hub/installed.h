// The models that are there, for people: what each is, and whether it is whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/hub/store.h"

namespace oc::hub {

struct InstalledModel {
  std::string name;  // as --model takes it
  std::filesystem::path folder;
  bool built_in = false;
  bool in_hf_cache = false;         // another program's: read, never changed
  std::uint64_t bytes = 0;          // of all files
  std::string architecture;         // config.json's model_type: "phi3_v"; empty: unknown
  std::string quantization;         // "4-bit", "BF16", …; empty: unknown
  std::int64_t context_length = 0;  // tokens; 0: unknown
  std::string problem;             // why it would not load, as far as its headers tell; empty: none
  std::optional<Manifest> origin;  // where `ocellus pull` got it
};

// Headers are read, weights are not.
InstalledModel describe_model(std::string name, const std::filesystem::path& folder);
// Those of available_models(), in its order: the built-in one first.
std::vector<InstalledModel> installed_models();

// Downloads that are not finished.
struct UnfinishedPull {
  std::string name;
  std::uint64_t bytes = 0;  // on disk so far
};
std::vector<UnfinishedPull> unfinished_pulls();

}  // namespace oc::hub
