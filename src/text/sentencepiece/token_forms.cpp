#include "text/sentencepiece/token_forms.h"

namespace oc {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::int16_t byte_of_token(std::string_view content) {
  if (content.size() != 6 || !content.starts_with("<0x") || content[5] != '>') return -1;
  const int high = hex_digit(content[3]);
  const int low = hex_digit(content[4]);
  return high < 0 || low < 0 ? std::int16_t{-1} : static_cast<std::int16_t>(high * 16 + low);
}

}  // namespace oc
