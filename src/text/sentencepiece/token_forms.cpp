#include "text/sentencepiece/token_forms.h"

#include "base/hex.h"

namespace oc {
std::int16_t byte_of_token(std::string_view content) {
  if (content.size() != 6 || !content.starts_with("<0x") || content[5] != '>') return -1;
  const int high = hex_digit(content[3]);
  const int low = hex_digit(content[4]);
  return high < 0 || low < 0 ? std::int16_t{-1} : static_cast<std::int16_t>(high * 16 + low);
}

}  // namespace oc
