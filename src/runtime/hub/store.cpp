#include "runtime/hub/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <cerrno>
#include <cstdio>
#include <set>

#include "base/places.h"
#include "base/printable.h"
#include "base/system/files.h"
#include "base/units.h"
#include "io/file_replacement.h"
#include "io/json.h"
#include "io/json_text.h"
#include "runtime/hub/part_file.h"
#include "runtime/library/plain_name.h"

namespace oc::hub {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::uint64_t kReserve = 64'000'000;  // bytes that a pull leaves free

bool present(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

bool is_link(const fs::path& path) {
  std::error_code error;
  return fs::is_symlink(fs::symlink_status(path, error));
}

Result<void> remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);  // does not follow links
  if (error)
    return Error{ErrorCode::kUnavailable,
                 fmt::format("cannot remove {}: {}", path.string(), error.message()),
                 "are the folder and its files yours?"};
  return {};
}

// Moves a folder out of sight, beside itself, where a removal that was killed may have left
// another.
Result<fs::path> hide(const ModelPlace& place) {
  const fs::path gone =
      place.folder.parent_path() / ("." + place.folder.filename().string() + ".gone");
  OC_RETURN_IF_ERROR(remove_tree(gone));
  if (::rename(place.folder.c_str(), gone.c_str()) != 0) return disk_error(place.folder, errno);
  return gone;
}

}  // namespace

Result<ModelPlace> place_of(std::string_view name, bool create) {
  if (!is_plain_name(name))
    return Error{ErrorCode::kInvalidArgument, fmt::format("{} is no model name", shown_name(name)),
                 "one or two parts of letters, digits, '.', '_' and '-'; `ocellus list` has them"};
  const std::optional<fs::path> models = models_folder();
  if (!models)
    return Error{ErrorCode::kNotFound, "there is no home to keep models in",
                 "set OCELLUS_HOME to a folder"};
  const fs::path folder = *models / name;
  const fs::path parent = folder.parent_path();
  std::error_code error;
  if (create) {
    fs::create_directories(parent, error);
    if (error)
      return Error{ErrorCode::kUnavailable,
                   fmt::format("cannot make {}: {}", parent.string(), error.message()),
                   "OCELLUS_HOME names another place"};
  }
  if (fs::exists(parent, error)) {
    const fs::path root = fs::canonical(*models, error);
    const fs::path real = fs::canonical(parent, error);
    if (error || real != (parent == *models ? root : root / parent.filename()))
      return Error{ErrorCode::kUnavailable,
                   fmt::format("{} is not inside of the models folder", parent.string()),
                   "it is a symbolic link; ocellus changes nothing behind those"};
  }
  const std::string last = folder.filename().string();
  return ModelPlace{folder, parent / ("." + last + ".pull"), parent / ("." + last + ".lock")};
}

Result<ModelLock> ModelLock::take(const fs::path& path, std::string_view name) {
  constexpr int kTries = 8;
  for (int tries = 0;;) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 && errno == ENOENT && tries++ < kTries) {
      // A pull that failed has just removed the empty folder.
      std::error_code error;
      fs::create_directories(path.parent_path(), error);
      continue;
    }
    if (fd < 0) return disk_error(path, errno);
    if (const int reason = try_lock(fd); reason != 0) {
      ::close(fd);
      if (reason != EWOULDBLOCK) return disk_error(path, reason);
      return Error{ErrorCode::kUnavailable,
                   fmt::format("another process pulls or removes {} just now", name),
                   "wait for it to end, or end it; a pull goes on where it stopped"};
    }
    // The holder before may have removed the file after we opened it: then this is no lock.
    struct stat mine = {}, there = {};
    if (::fstat(fd, &mine) == 0 && ::stat(path.c_str(), &there) == 0 &&
        mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
      return ModelLock(fd, path);
    ::close(fd);
  }
}

ModelLock::ModelLock(ModelLock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

ModelLock::~ModelLock() {
  if (fd_ < 0) return;
  ::unlink(path_.c_str());  // while we hold it
  ::close(fd_);
}

Result<void> write_manifest(const fs::path& folder, const Manifest& manifest) {
  json::array files;
  for (const HubFile& file : manifest.files)
    files.push_back({{"name", file.name},
                     {"size", file.size},
                     {file.kind == FileDigestKind::kSha256 ? "sha256" : "git", file.digest}});
  const json::object whole{{"hub", manifest.hub},
                           {"repo", manifest.repo},
                           {"revision", manifest.revision},
                           {"commit", manifest.commit},
                           {"files", std::move(files)}};
  const std::string text = json_text(whole) + "\n";
  const fs::path path = folder / kManifestName;
  if (const int error = replace_file_by(path, text)) return disk_error(path, error);
  return {};
}

std::optional<Manifest> read_manifest(const fs::path& folder) {
  const auto object = read_json_object(folder / kManifestName, 4u << 20);
  if (!object.ok()) return std::nullopt;
  const JsonReader reader(*object, kManifestName);
  Manifest manifest;
  for (const auto& [key, field] : {std::pair{"hub", &manifest.hub},
                                   {"repo", &manifest.repo},
                                   {"revision", &manifest.revision},
                                   {"commit", &manifest.commit}}) {
    auto text = reader.string(key);
    if (!text.ok()) return std::nullopt;
    *field = *std::move(text);
  }
  const auto files = reader.objects("files");
  if (!files.ok()) return std::nullopt;
  for (const JsonReader& entry : *files) {
    const auto name = entry.string("name");
    const auto size = entry.integer("size", 0, std::int64_t{1} << 50);
    if (!name.ok() || !size.ok() || !is_safe_file_name(*name)) return std::nullopt;
    HubFile file{.name = *name, .size = static_cast<std::uint64_t>(*size), .digest = {}};
    file.kind = entry.has("sha256") ? FileDigestKind::kSha256 : FileDigestKind::kGitBlob;
    if (auto digest = entry.string(entry.has("sha256") ? "sha256" : "git"); digest.ok())
      file.digest = *digest;
    manifest.files.push_back(std::move(file));
  }
  return manifest;
}

std::vector<std::string> foreign_entries(const fs::path& folder) {
  std::set<std::string> known{std::string(kManifestName)};
  if (const auto manifest = read_manifest(folder))
    for (const HubFile& file : manifest->files) known.insert(file.name);
  std::vector<std::string> foreign;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (const std::string name = it->path().filename().string();
        !known.contains(name) && !name.starts_with(kManifestName))  // or a part of one
      foreign.push_back(name);
  std::ranges::sort(foreign);
  return foreign;
}

Result<void> check_space(const fs::path& folder, std::uint64_t needed) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error || needed == 0) return {};  // a disk that does not tell: writing will
  if (space.available >= needed && space.available - needed >= kReserve) return {};
  return Error{ErrorCode::kUnavailable,
               fmt::format("{} are to come, and {} are free at {}", human_bytes(needed),
                           human_bytes(space.available), folder.string()),
               "make room, or let OCELLUS_HOME name a folder on another disk"};
}

Result<void> install(const ModelPlace& place) {
  sync_folder(place.staging);
  if (is_link(place.folder))
    return disk_error(place.folder, ELOOP);  // pull() has refused it with more words
  if (!present(place.folder)) {
    if (::rename(place.staging.c_str(), place.folder.c_str()) != 0)
      return disk_error(place.folder, errno);
    sync_folder(place.folder.parent_path());
    return {};
  }
  if (exchange_names(place.staging, place.folder) == 0) {
    sync_folder(place.folder.parent_path());
    return remove_tree(place.staging);  // the old model
  }
  // Where two folders cannot be exchanged at once, the name is free for a moment.
  OC_ASSIGN_OR_RETURN(const fs::path old, hide(place));
  if (::rename(place.staging.c_str(), place.folder.c_str()) != 0) {
    const int reason = errno;
    if (::rename(old.c_str(), place.folder.c_str()) != 0) return disk_error(place.folder, errno);
    return disk_error(place.folder, reason);
  }
  sync_folder(place.folder.parent_path());
  return remove_tree(old);
}

Result<Removable> removable(const ModelPlace& place, std::string_view name) {
  Removable found;
  found.link = is_link(place.folder);
  found.model = present(place.folder);
  found.staging = present(place.staging);
  if (!found.model && !found.staging)
    return Error{ErrorCode::kNotFound,
                 fmt::format("there is no model {} in the models folder", name),
                 "`ocellus list` names those that are there"};
  // "org" of "org/repo" is a folder with models in it, and no model.
  std::error_code error;
  if (found.model && !found.link && !fs::exists(place.folder / "config.json", error) &&
      !fs::is_empty(place.folder, error))
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} is no model: it has no config.json", place.folder.string()),
                 "name one model, as `ocellus list` does"};
  if (found.model && !found.link) found.bytes += folder_bytes(place.folder);
  if (found.staging) found.bytes += folder_bytes(place.staging);
  return found;
}

Result<void> remove_model(const ModelPlace& place, std::string_view name) {
  OC_ASSIGN_OR_RETURN(const Removable found, removable(place, name));
  if (found.link) {
    if (::unlink(place.folder.c_str()) != 0) return disk_error(place.folder, errno);
  } else if (found.model) {
    OC_ASSIGN_OR_RETURN(const fs::path gone, hide(place));
    OC_RETURN_IF_ERROR(remove_tree(gone));
  }
  if (found.staging) OC_RETURN_IF_ERROR(remove_tree(place.staging));
  return {};
}

void remove_if_empty(const fs::path& folder, const fs::path& before) {
  const bool was_there = folder == before;
  if (was_there && folder == models_folder()) return;
  if (::rmdir(folder.c_str()) != 0 || was_there) return;
  fs::path at = folder.parent_path();
  while (at != before && ::rmdir(at.c_str()) == 0) at = at.parent_path();
}

std::uint64_t folder_bytes(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    struct stat status = {};
    if (::lstat(it->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    // A part has its full length from the start; what it takes on disk is less.
    const auto taken = static_cast<std::uint64_t>(status.st_blocks) * 512;
    const auto length = static_cast<std::uint64_t>(status.st_size);
    bytes += it->path().extension() == ".part" ? std::min(taken, length) : length;
  }
  return bytes;
}

}  // namespace oc::hub
