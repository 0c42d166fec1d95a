#include "models/blocks/byte_alphabet.h"

namespace oc {

std::vector<ByteLetter> byte_alphabet() {
  std::vector<ByteLetter> out;
  const auto add = [&](int byte, int code_point) {
    if (code_point < 0x80)
      out.push_back({byte, std::string(1, static_cast<char>(code_point))});
    else
      out.push_back({byte, std::string{static_cast<char>(0xc0 | code_point >> 6),
                                       static_cast<char>(0x80 | (code_point & 0x3f))}});
  };
  // Printable ones stand for themselves, the others for code points from 256 on.
  const auto is_printable = [](int byte) {
    return (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);
  };
  for (int byte = 0; byte < 256; ++byte)
    if (is_printable(byte)) add(byte, byte);
  int code_point = 256;
  for (int byte = 0; byte < 256; ++byte)
    if (!is_printable(byte)) add(byte, code_point++);
  return out;
}

}  // namespace oc
