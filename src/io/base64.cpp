#include "io/base64.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/ascii.h"

namespace oc {

std::string encode_base64(std::span<const std::byte> bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string picture_data_uri(std::span<const std::byte> bytes, std::string_view format) {
  return fmt::format("data:image/{};base64,{}", lower(format), encode_base64(bytes));
}

}  // namespace oc
