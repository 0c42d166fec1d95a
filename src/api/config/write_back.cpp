#include "api/config/write_back.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "api/config/config.h"
#include "api/config/edit_json.h"
#include "io/json.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

Error cannot(const fs::path& file, std::string_view why) {
  return {ErrorCode::kUnavailable,
          fmt::format("{} cannot be written: {}", file.filename().string(), why),
          "mend that, or change the file by hand and start anew"};
}
Error cannot(const fs::path& file, int reason) { return cannot(file, std::strerror(reason)); }

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// A file beside another one, with the same mode and owner, that takes its place or goes.
class Replacement {
 public:
  Replacement() = default;
  ~Replacement() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  // On disk when this returns.
  Result<void> write(const fs::path& file, std::string_view text) {
    std::error_code error;
    target_ = fs::canonical(file, error);
    if (error) return cannot(file, error.value());
    struct stat old {};
    if (::stat(target_.c_str(), &old) != 0) return cannot(file, errno);
    if ((old.st_mode & 0222) == 0) return cannot(file, "it is read-only");
    if (::access(target_.c_str(), W_OK) != 0) return cannot(file, errno);
    std::string name = target_.string() + ".XXXXXX";
    const int fd = ::mkstemp(name.data());
    if (fd < 0) return cannot(file, errno);
    name_ = std::move(name);
    struct stat fresh {};
    bool good = ::fstat(fd, &fresh) == 0;
    const bool same_owner = fresh.st_uid == old.st_uid && fresh.st_gid == old.st_gid;
    good = good && (same_owner || ::fchown(fd, old.st_uid, old.st_gid) == 0) &&
           ::fchmod(fd, old.st_mode & 07777) == 0 && write_all(fd, text) && ::fsync(fd) == 0;
    int reason = good ? 0 : errno;
    if (::close(fd) != 0 && good) {
      good = false;
      reason = errno;
    }
    return good ? Result<void>() : cannot(file, reason);
  }

  Result<void> take_place() {
    if (::rename(name_.c_str(), target_.c_str()) != 0) return cannot(target_, errno);
    name_.clear();
    // The new name, too, survives a crash; where a file system cannot do that, nothing is lost.
    const int folder = ::open(target_.parent_path().c_str(), O_RDONLY | O_CLOEXEC);
    if (folder < 0) return {};
    static_cast<void>(::fsync(folder));
    ::close(folder);
    return {};
  }

 private:
  fs::path target_;
  std::string name_;  // of the fresh file; empty: there is none
};

}  // namespace

Result<std::string> changed_text(const fs::path& file, const std::string& changes) {
  const std::string name = file.filename().string();
  const auto unreadable = [&](const std::string& why) {
    return Error{ErrorCode::kUnavailable, why,
                 fmt::format("{} has changed since the server was started: mend it", name)};
  };
  auto text = read_file(file, kMostConfigBytes);
  if (!text.ok()) return unreadable(fmt::format("{} cannot be read", name));
  OC_ASSIGN_OR_RETURN(const json::value parsed, parse_json(changes, "changes"));
  auto changed = edit_json(*text, parsed.as_object(), name);
  if (!changed.ok()) return unreadable(changed.error().message);
  return changed;
}

Result<void> replace_file(const fs::path& file, const std::string& text) {
  Replacement fresh;
  OC_RETURN_IF_ERROR(fresh.write(file, text));
  return fresh.take_place();
}

Result<void> try_to_replace(const fs::path& file, const std::string& text) {
  return Replacement().write(file, text);
}

}  // namespace oc
