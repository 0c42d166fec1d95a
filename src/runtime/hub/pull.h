// From a repository on a hub to a model in the models folder. pull.cpp reads as what happens.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "runtime/hub/names.h"
#include "runtime/hub/retry.h"

namespace oc::hub {

struct PullProgress {
  enum class Phase { kChecking, kLoading };  // files that are there; files that come
  Phase phase = Phase::kLoading;
  std::uint64_t done = 0, total = 0;            // bytes of all files that are known so far
  std::string file = {};                        // one that is being worked on
  std::uint64_t file_done = 0, file_total = 0;  // its bytes
};

struct PullOptions {
  int connections = 8;
  // Also over files in the model's folder that no pull has put there.
  bool replace = false;
  Patience patience;
  std::function<void(const PullProgress&)> on_progress;                 // may be empty
  std::function<void(const std::string& name, std::uint64_t)> on_file;  // a file has come
};

struct PullReport {
  std::string name;  // "org/repo", as `--model` takes it
  std::filesystem::path folder;
  std::string commit;
  std::uint64_t bytes = 0;    // of all files
  std::uint64_t fetched = 0;  // of those that were not there whole
  int files = 0;
};

// Goes on with an earlier pull; repairs and updates a model that is there; does nothing where all
// is right. Files are checked by digest, those already there, too. On any error the models folder
// is as before, but for what has come, kept aside for the next try.
Result<PullReport> pull(const ModelRef& ref, const Hub& hub, const PullOptions& options);

}  // namespace oc::hub
