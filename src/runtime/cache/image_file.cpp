#include "runtime/cache/image_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <string_view>

#include "base/check.h"
#include "base/system/files.h"
#include "io/digest.h"
#include "io/file_handle.h"

namespace oc {
namespace {

constexpr std::string_view kMagic = "OCIMAGE1";
constexpr std::size_t kDigestAt = 56;  // of the header

Error failed(int reason) { return {ErrorCode::kInternal, std::strerror(reason)}; }
Error corrupt(std::string what) { return {ErrorCode::kCorrupt, std::move(what)}; }

void append(std::string& out, std::int64_t value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Everything that stands before the digest.
std::string beginning(const std::string& key, std::int64_t rows, std::int64_t cols) {
  OC_CHECK(key.size() == kImageKeyBytes, "a picture's key of {} bytes", key.size());
  std::string out(kMagic);
  out += key;
  append(out, rows);
  append(out, cols);
  OC_CHECK(out.size() == kDigestAt, "a header of {} bytes", out.size());
  return out;
}

std::string digest_of(const std::string& beginning, std::span<const float> values) {
  Digest digest;
  digest.add(beginning);
  digest.add(std::as_bytes(values));
  return digest.finish();
}

// False at an error (errno) or an early end (errno 0).
bool read_all(int fd, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::read(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) errno = 0;
    if (count <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

Error unreadable() { return errno == 0 ? corrupt("it is cut off") : failed(errno); }

}  // namespace

std::string image_file_header(const std::string& key, const ImageRows& image) {
  std::string header = beginning(key, image.rows, image.cols);
  header += digest_of(header, image.values);
  OC_CHECK(header.size() == kImageHeaderBytes, "a header of {} bytes", header.size());
  return header;
}

Result<void> write_image_file(const std::filesystem::path& path, const std::string& key,
                              const ImageRows& image) {
  const std::string header = image_file_header(key, image);
  const FileHandle file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return failed(errno);
  if (try_lock(file.fd()) == EWOULDBLOCK)
    return Error{ErrorCode::kCancelled, "taken for a file left behind"};
  int reason = write_all(file.fd(), std::as_bytes(std::span(header)));
  if (reason == 0) reason = write_all(file.fd(), std::as_bytes(std::span(image.values)));
  if (reason == 0 && ::fsync(file.fd()) != 0) reason = errno;
  if (reason == 0) return {};
  ::unlink(path.c_str());
  return failed(reason);
}

Result<ImageRows> read_image_file(const std::filesystem::path& path, const std::string& key,
                                  std::int64_t rows, std::int64_t cols) {
  // O_NONBLOCK: a pipe of this name must not keep anybody waiting.
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno == ENOENT) return Error{ErrorCode::kNotFound, "no such file"};
    return errno == ELOOP ? corrupt("it is a link") : failed(errno);
  }
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) return failed(errno);
  if (!S_ISREG(status.st_mode)) return corrupt("it is no file");
  // The size is known before anything is read: no lying header decides how much memory is taken.
  ImageRows image{rows, cols, {}};
  const auto values = static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols);
  const std::size_t expected = kImageHeaderBytes + values * sizeof(float);
  if (static_cast<std::size_t>(status.st_size) != expected)
    return corrupt(fmt::format("it has {} bytes, not {}", status.st_size, expected));
  std::string header(kImageHeaderBytes, '\0');
  if (!read_all(file.fd(), std::as_writable_bytes(std::span(header)))) return unreadable();
  if (!header.starts_with(kMagic)) return corrupt("it is none of this program's");
  const std::string begins = beginning(key, rows, cols);
  if (!header.starts_with(begins)) return corrupt("it belongs to another picture");
  image.values.resize(values);
  if (!read_all(file.fd(), std::as_writable_bytes(std::span(image.values)))) return unreadable();
  if (header.substr(kDigestAt) != digest_of(begins, image.values))
    return corrupt("its SHA-256 is wrong");
  ::futimens(file.fd(), nullptr);  // used now: the last to be evicted
  return image;
}

}  // namespace oc
