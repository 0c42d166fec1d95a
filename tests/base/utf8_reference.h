// What UTF-8 is, in the plainest way: for tests.
#pragma once

#include <string_view>
#include <vector>

namespace oc::test {

inline bool is_utf8(std::string_view text) {
  std::vector<unsigned char> bytes(text.begin(), text.end());
  bytes.insert(bytes.end(), 4, 0);
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char lead = bytes[i];
    const std::size_t size = lead < 0x80           ? 1
                             : (lead >> 5) == 0x06 ? 2
                             : (lead >> 4) == 0x0E ? 3
                             : (lead >> 3) == 0x1E ? 4
                                                   : 0;
    if (size == 0) return false;
    unsigned value = size == 1 ? lead : lead & (0xFFu >> (size + 1));
    for (std::size_t k = 1; k < size; ++k) {
      if ((bytes[i + k] & 0xC0) != 0x80) return false;
      value = value << 6 | (bytes[i + k] & 0x3F);
    }
    constexpr unsigned kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < kSmallest[size] || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
      return false;
    }
    i += size;
  }
  return true;
}

}  // namespace oc::test
