#include "runtime/hub/digest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "base/check.h"

namespace oc::hub {

bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<std::string> digest_file(const std::filesystem::path& path, DigestKind kind,
                                std::uint64_t size, const std::function<bool()>& stop,
                                std::atomic<std::uint64_t>* read_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return Error{ErrorCode::kNotFound,
                 fmt::format("cannot read {}: {}", path.string(), std::strerror(errno))};
  const std::unique_ptr<const int, void (*)(const int*)> closer(&fd,
                                                                [](const int* f) { close(*f); });
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  const bool sha256 = kind == DigestKind::kSha256;
  OC_CHECK(
      context && EVP_DigestInit_ex(context.get(), sha256 ? EVP_sha256() : EVP_sha1(), nullptr) == 1,
      "no digest");
  if (!sha256) {
    const std::string head = fmt::format("blob {}", size);
    // git hashes the terminating zero, too.
    OC_CHECK(EVP_DigestUpdate(context.get(), head.c_str(), head.size() + 1) == 1, "digest");
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
    OC_CHECK(EVP_DigestUpdate(context.get(), block.data(), static_cast<std::size_t>(n)) == 1,
             "digest");
    total += static_cast<std::uint64_t>(n);
    if (read_bytes != nullptr) *read_bytes += static_cast<std::uint64_t>(n);
  }
  if (total != size)
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{} has {} bytes, not {}", path.string(), total, size)};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  OC_CHECK(EVP_DigestFinal_ex(context.get(), digest.data(), &length) == 1, "digest");
  std::string hex;
  for (unsigned i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace oc::hub
