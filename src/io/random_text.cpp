#include "io/random_text.h"

#include <openssl/rand.h>

#include <string_view>

#include "base/check.h"

namespace oc {

std::string random_text(std::size_t characters) {
  constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuv";
  static_assert(kAlphabet.size() == 32);
  std::string text(characters, '\0');
  OC_CHECK(
      RAND_bytes(reinterpret_cast<unsigned char*>(text.data()), static_cast<int>(text.size())) == 1,
      "no random numbers");
  for (char& c : text) c = kAlphabet[static_cast<unsigned char>(c) & 31];
  return text;
}

}  // namespace oc
