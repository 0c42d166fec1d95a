#include "runtime/hub/digest.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "io/digest.h"
#include "io/file_handle.h"
#include "io/whole_file.h"

namespace oc::hub {

Result<std::string> digest_file(const std::filesystem::path& path, FileDigestKind kind,
                                std::uint64_t size, const std::function<bool()>& stop,
                                std::atomic<std::uint64_t>* read_bytes) {
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.is_open())
    return Error{ErrorCode::kNotFound,
                 fmt::format("cannot read {}: {}", path.string(), std::strerror(errno))};
  const bool sha256 = kind == FileDigestKind::kSha256;
  oc::Digest digest(sha256 ? oc::DigestKind::kSha256 : oc::DigestKind::kSha1);
  if (!sha256) {
    const std::string head = fmt::format("blob {}", size);
    // git hashes the terminating zero, too.
    digest.add(std::string_view(head.c_str(), head.size() + 1));
  }
  std::uint64_t total = 0;
  const int error = add_file(digest, file.fd(), [&](std::size_t bytes) {
    total += bytes;
    if (read_bytes != nullptr) *read_bytes += bytes;
    return !stop || !stop();
  });
  if (error == ECANCELED) return Error{ErrorCode::kCancelled, "stopped"};
  if (error != 0)
    return Error{ErrorCode::kCorrupt,
                 fmt::format("cannot read {}: {}", path.string(), std::strerror(error)),
                 "the disk may be failing"};
  if (total != size)
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{} has {} bytes, not {}", path.string(), total, size)};
  return digest.finish_hex();
}

}  // namespace oc::hub
