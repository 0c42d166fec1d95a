// What a verification says of one model on one machine: which files, which engine, how far off.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ops/engine_info.h"
#include "runtime/verify/check.h"
#include "runtime/verify/report.h"

namespace oc {

struct FileDigest {
  std::string name;  // below the folder, with '/'
  std::uint64_t bytes = 0;
  std::string sha256;  // hex
};

// The program that made a certificate.
struct ProgramBuild {
  std::string version;  // "0.1.0"
  std::string commit;   // of its source; changes that are in no commit add a digest of themselves
  bool operator==(const ProgramBuild&) const = default;
};

// Relative names of the files that a certificate is about, sorted.
Result<std::vector<std::string>> certified_files(const std::filesystem::path& folder);
// Every file of a model folder, by name; hidden ones (a hub's notes) are left out. Errors: a file
// that cannot be read, or that changes meanwhile. `progress` hears each name before it is read.
Result<std::vector<FileDigest>> digest_folder(
    const std::filesystem::path& folder,
    const std::function<void(const std::string& name)>& progress = {});

struct Certificate {
  std::string model;  // as named by the user
  ProgramBuild build;
  std::string machine;  // its processor
  EngineInfo engine;
  std::string fingerprint;  // ModelInfo::fingerprint
  std::vector<FileDigest> files;
  VerifyReport report;
  std::vector<Check> checks;  // of a model's own weights

  bool verified() const;
  // SHA-256 of what `sha256sum` prints for the files in their order: one word for all of them.
  std::string files_sha256() const;
  // Greedy tokens that were compared, and those that were equal.
  int answer_tokens() const;
  int equal_tokens() const;
  std::string summary() const;  // the last lines for people
  boost::json::object json() const;
};

}  // namespace oc
