// Sets of golden data: what comes with the program, one or several a family, and to which models a
// set belongs.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/synth.h"
#include "runtime/verify/verify.h"

namespace oc {

// The weights that a set was computed with: of the embedded model, or random ones that are made
// again.
struct GoldenCheckpoint {
  std::string name;                   // "q4", "bf16": the variant of the set's cases
  std::optional<SynthOptions> synth;  // none: the embedded model
};

struct GoldenSet {
  std::filesystem::path folder;
  // Architecture::type, or another word of the set's own that no architecture knows; empty: it does
  // not say.
  std::string family;
  std::vector<GoldenCheckpoint> checkpoints;  // empty: whoever compares must have them
};

// Reads `info` of the set's cases. kCorrupt: no JSON, or what stands there is of another type.
Result<GoldenSet> open_golden_set(const std::filesystem::path& folder);

// The sets of a family that come with the program and name their checkpoints: $OCELLUS_GOLDENS, or
// share/ocellus/goldens, or tests/data of the source tree. kNotFound says where was looked.
Result<std::vector<GoldenSet>> installed_golden_sets(std::string_view architecture);

// Whether `model` can be compared with the set at all. kInvalidArgument: it is of another family,
// or of a checkpoint with another vocabulary.
Result<void> check_golden_set(const GoldenSet& set, const Model& model);

// Computes all of a set on the engine of `options`, each of its checkpoints by itself.
// → fingerprints of the checkpoints. Errors: of files, of the engine, of the folder for temporary
// files.
Result<std::vector<std::string>> recompute_golden_set(const GoldenSet& set,
                                                      const EngineOptions& options,
                                                      VerifyOptions verify, VerifyReport& report);

}  // namespace oc
