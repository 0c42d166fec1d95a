#include "runtime/hub/digest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "io/digest.h"

namespace oc::hub {

Result<std::string> digest_file(const std::filesystem::path& path, DigestKind kind,
                                std::uint64_t size, const std::function<bool()>& stop,
                                std::atomic<std::uint64_t>* read_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return Error{ErrorCode::kNotFound,
                 fmt::format("cannot read {}: {}", path.string(), std::strerror(errno))};
  const std::unique_ptr<const int, void (*)(const int*)> closer(&fd,
                                                                [](const int* f) { close(*f); });
  const bool sha256 = kind == DigestKind::kSha256;
  oc::Digest digest(sha256 ? oc::DigestKind::kSha256 : oc::DigestKind::kSha1);
  if (!sha256) {
    const std::string head = fmt::format("blob {}", size);
    // git hashes the terminating zero, too.
    digest.add(std::string_view(head.c_str(), head.size() + 1));
  }
  std::vector<unsigned char> block(1u << 20);
  std::uint64_t total = 0;
  for (;;) {
    if (stop && stop()) return Error{ErrorCode::kCancelled, "stopped"};
    const ssize_t n = ::read(fd, block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return Error{ErrorCode::kCorrupt,
                   fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)),
                   "the disk may be failing"};
    if (n == 0) break;
    digest.add(std::as_bytes(std::span(block)).first(static_cast<std::size_t>(n)));
    total += static_cast<std::uint64_t>(n);
    if (read_bytes != nullptr) *read_bytes += static_cast<std::uint64_t>(n);
  }
  if (total != size)
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{} has {} bytes, not {}", path.string(), total, size)};
  return digest.finish_hex();
}

}  // namespace oc::hub
