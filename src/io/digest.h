// SHA-256, and git's SHA-1, over bytes that come in pieces.
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace oc {

enum class DigestKind { kSha256, kSha1 };

class Digest {
 public:
  explicit Digest(DigestKind kind = DigestKind::kSha256);

  void add(std::span<const std::byte> bytes);
  void add(std::string_view bytes);
  // Once, at the end: the digest's bytes, or lower case hex digits of them.
  std::string finish();
  std::string finish_hex();

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

}  // namespace oc
