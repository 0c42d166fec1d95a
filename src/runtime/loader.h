// Model names to folders to loaded models.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/model.h"
#include "runtime/weight_reader.h"

namespace oc {

struct LoadedModel {
  std::string name;                // as clients call it, e.g. "ocellus-demo"
  std::shared_ptr<Engine> engine;  // outlives the model
  std::unique_ptr<const Model> model;
  double load_ms = 0;
  std::unique_ptr<WeightReader> reader;  // of LoadOptions::kBehind; ends before the model does
};

// The weights are mapped, and pages that nobody has read yet halve the speed of the first step:
// each costs a fault, and the kernels' prefetches do not reach them.
struct LoadOptions {
  enum class Weights {
    kBehind,   // threads read them; load() waits for `patience`, they go on at low priority
    kPreload,  // load() returns when all are in memory
    kLock,     // the same, and the system may not take them away again (mlock)
  };
  Weights weights = Weights::kBehind;
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

// Who says which model: the person at the machine may name any folder; a client only names.
enum class NameFrom { kOperator, kClient };

// $OCELLUS_HOME/models, or below $XDG_DATA_HOME or ~; none where no variable names a home.
std::optional<std::filesystem::path> models_folder();
// Where something that comes with the program may lie: the variable's folder alone if it is set,
// else share/ocellus/BELOW beside the program's folder and BELOW in the source tree around a build
// folder.
std::vector<std::filesystem::path> shared_places(const char* variable, std::string_view below);
// "phi", "org/phi": one or two parts of letters, digits, '.', '_', '-' that do not begin with '.'.
bool is_plain_name(std::string_view name);

// "demo" or "ocellus-demo" (the embedded model), an existing folder (operator only), or a name
// ("phi", "org/phi") below $OCELLUS_HOME/models or else in the Hugging Face cache
// (runtime/hub/hf_cache.h). kNotFound says where was looked and how to pull a model of the
// catalogue (operator only), and which models are there; kInvalidArgument for a client's name that
// is no plain name, and for one that several models of the cache have.
// The embedded model is in the program (io/files.h); $OCELLUS_DEMO_MODEL names a folder in its
// place.
Result<std::filesystem::path> resolve_model(const std::string& name_or_path,
                                            NameFrom from = NameFrom::kOperator);

bool is_demo_name(std::string_view name);
// How clients call what resolve_model() finds: "ocellus-demo", "org/phi", or the folder's name.
std::string model_name(const std::string& name_or_path, const std::filesystem::path& folder);

// Names that resolve_model() would find, sorted; the embedded model first.
std::vector<std::string> available_models();

Result<std::shared_ptr<const LoadedModel>> load(const std::string& name_or_path,
                                                const EngineOptions& options,
                                                const LoadOptions& load_options = {});

}  // namespace oc
