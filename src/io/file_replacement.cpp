#include "io/file_replacement.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "io/random_text.h"

namespace oc {

namespace fs = std::filesystem;

FileReplacement::~FileReplacement() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

int FileReplacement::make(int mode) {
  fs::path path = target_.string() + "." + random_text(8) + ".tmp";
  file_ =
      FileHandle(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file_.is_open()) return errno;
  temporary_ = std::move(path);
  return 0;
}

int FileReplacement::open(const fs::path& path) {
  target_ = path;
  return make(0644);
}

int FileReplacement::open_like_the_old_one(const fs::path& path) {
  std::error_code error;
  target_ = fs::canonical(path, error);
  if (error) return error.value();
  struct stat old {
  }, fresh{};
  if (::stat(target_.c_str(), &old) != 0) return errno;
  if (const int failed = make(0600)) return failed;
  if (::fstat(file_.fd(), &fresh) != 0) return errno;
  const bool same_owner = fresh.st_uid == old.st_uid && fresh.st_gid == old.st_gid;
  if (!same_owner && ::fchown(file_.fd(), old.st_uid, old.st_gid) != 0) return errno;
  return ::fchmod(file_.fd(), old.st_mode & 07777) == 0 ? 0 : errno;
}

int FileReplacement::write(std::span<const std::byte> bytes) {
  return write_all(file_.fd(), bytes);
}

int FileReplacement::write(std::string_view text) { return write(std::as_bytes(std::span(text))); }

int FileReplacement::finish() {
  if (::fsync(file_.fd()) != 0) return errno;
  return file_.close();
}

int FileReplacement::take_place() {
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) return errno;
  temporary_.clear();
  sync_folder(target_.parent_path());
  return 0;
}

int replace_file_by(const fs::path& path, std::string_view text) {
  FileReplacement fresh;
  if (const int error = fresh.open(path)) return error;
  if (const int error = fresh.write(text)) return error;
  if (const int error = fresh.finish()) return error;
  return fresh.take_place();
}

void sync_folder(const fs::path& folder) {
  const char* path = folder.empty() ? "." : folder.c_str();
  const FileHandle opened(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.is_open()) static_cast<void>(::fsync(opened.fd()));
}

}  // namespace oc
