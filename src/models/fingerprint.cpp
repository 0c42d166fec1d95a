#include "models/fingerprint.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <memory>
#include <string_view>

namespace oc {

std::string checkpoint_fingerprint(const Checkpoint& checkpoint) {
  constexpr std::size_t kSampleBytes = 1024, kSampleEvery = 16;
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  OC_CHECK(context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1, "SHA-256");
  const auto add = [&](std::string_view bytes) {
    OC_CHECK(EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1, "SHA-256");
  };
  add(boost::json::serialize(checkpoint.config()));
  std::size_t index = 0;
  for (const TensorView* tensor : checkpoint.tensors()) {
    add(fmt::format("\n{} {} {}", tensor->name, to_string(tensor->dtype), tensor->shape.str()));
    if (index++ % kSampleEvery == 0)
      add({reinterpret_cast<const char*>(tensor->data.data()),
           std::min(kSampleBytes, tensor->data.size())});
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  OC_CHECK(EVP_DigestFinal_ex(context.get(), digest.data(), &length) == 1, "SHA-256");
  std::string hex;
  for (unsigned i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace oc
