// The models folder on disk: where a model lies, where it is put together, who may touch it.
//
//   models/ORG/REPO/          a whole model, with .ocellus.json: where it came from
//   models/ORG/.REPO.pull/    a download that is not finished; no name reaches it
//   models/ORG/.REPO.gone/    on its way out
//   models/ORG/.REPO.lock     locked while one process changes the model
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/hub/listing.h"

namespace oc::hub {

struct ModelPlace {
  std::filesystem::path folder, staging, lock;
};

// Where the model `name` ("org/repo", "repo") lies or would lie. kInvalidArgument: no plain name;
// kNotFound: there is no home; kUnavailable: the way there leaves the models folder (a symbolic
// link). With `create`, its parent folder is there afterwards.
Result<ModelPlace> place_of(std::string_view name, bool create);

// The right to change one model; given back at the end, also at the end of the process.
class ModelLock {
 public:
  // kUnavailable at once where another process holds it.
  static Result<ModelLock> take(const std::filesystem::path& path, std::string_view name);
  ~ModelLock();
  ModelLock(ModelLock&& other) noexcept;
  ModelLock& operator=(ModelLock&&) = delete;

 private:
  ModelLock(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::filesystem::path path_;
};

// Where a pulled model came from.
struct Manifest {
  std::string hub, repo, revision, commit;
  std::vector<HubFile> files;
};
inline constexpr std::string_view kManifestName = ".ocellus.json";
Result<void> write_manifest(const std::filesystem::path& folder, const Manifest& manifest);
std::optional<Manifest> read_manifest(const std::filesystem::path& folder);  // none: not pulled

// Entries of a model folder that are neither the manifest nor one of its files, sorted.
std::vector<std::string> foreign_entries(const std::filesystem::path& folder);

// kUnavailable: `needed` bytes and a reserve of 64 MB do not fit on the disk of `folder`.
Result<void> check_space(const std::filesystem::path& folder, std::uint64_t needed);

// Puts the whole folder `staging` in the place of `folder`, which may exist: at every moment the
// name leads to a whole model.
Result<void> install(const ModelPlace& place);

// Whether there is a model or an unfinished download to remove, and what it takes on disk.
struct Removable {
  bool model = false, staging = false, link = false;
  std::uint64_t bytes = 0;
};
Result<Removable> removable(const ModelPlace& place, std::string_view name);
// Removes both. A symbolic link goes itself, what it leads to stays. The model is out of sight
// before its first file goes.
Result<void> remove_model(const ModelPlace& place, std::string_view name);

// Removes the folder that models of an organisation lie in where it is empty, and those above it
// that are, up to `before`, which was there; if `folder` was itself, it alone, but for the models
// folder.
void remove_if_empty(const std::filesystem::path& folder, const std::filesystem::path& before);

// Bytes of all regular files below `folder`; links count nothing.
std::uint64_t folder_bytes(const std::filesystem::path& folder);

}  // namespace oc::hub
