#include "io/digest.h"

#include <openssl/evp.h>

#include <array>

#include "base/check.h"
#include "base/hex.h"

namespace oc {

Digest::Digest(DigestKind kind) : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  const EVP_MD* method = kind == DigestKind::kSha256 ? EVP_sha256() : EVP_sha1();
  OC_CHECK(context_ != nullptr && EVP_DigestInit_ex(context_.get(), method, nullptr) == 1,
           "no digest");
}

void Digest::add(std::span<const std::byte> bytes) {
  OC_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1, "digest");
}

void Digest::add(std::string_view bytes) { add(std::as_bytes(std::span(bytes))); }

std::string Digest::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  OC_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), &length) == 1, "digest");
  return {reinterpret_cast<const char*>(digest.data()), length};
}

std::string Digest::finish_hex() { return to_hex(finish()); }

}  // namespace oc
