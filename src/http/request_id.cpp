#include "http/request_id.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/check.h"

namespace oc::http {

std::string random_id(std::string_view prefix) {
  constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuv";
  static_assert(kAlphabet.size() == 32);
  std::array<unsigned char, 24> bytes{};
  OC_CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "no random numbers");
  std::string id(prefix);
  for (const unsigned char byte : bytes) id += kAlphabet[byte & 31];
  return id;
}

std::string request_id(std::string_view from_client) {
  const bool well_formed =
      !from_client.empty() && from_client.size() <= 128 &&
      std::all_of(from_client.begin(), from_client.end(), [](unsigned char c) {
        return std::isalnum(c) ||
               std::string_view("._:-").find(static_cast<char>(c)) != std::string_view::npos;
      });
  return well_formed ? std::string(from_client) : random_id("req-");
}

}  // namespace oc::http
