// Writes a lossless WebP bit by bit: one that asks for as many groups of Huffman codes as it has
// squares of 4 x 4 pixels. No encoder would.
#pragma once

#include "tests/image/fixtures.h"

namespace oc::test {

class BitWriter {
 public:
  void put(unsigned value, int count) {  // the lowest bit first
    for (int i = 0; i < count; ++i) {
      if (used_ % 8 == 0) bytes_ += '\0';
      bytes_.back() = static_cast<char>(static_cast<unsigned char>(bytes_.back()) |
                                        (value >> i & 1u) << (used_ % 8));
      ++used_;
    }
  }
  void put_code(unsigned code, int count) {  // a Huffman code: the highest bit first
    for (int i = count - 1; i >= 0; --i) put(code >> i & 1u, 1);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  int used_ = 0;
};

// Black. `count`: of different groups, at most one for each square.
inline std::string webp_of_many_groups(int width, int height, unsigned count) {
  BitWriter bits;
  const auto only_zero = [&] { bits.put(0b0001, 4); };  // a code of one symbol, which takes no bits
  const auto each_of_256 = [&](unsigned alphabet) {     // a code of 8 bits for the first 256
    bits.put(0, 1);
    bits.put(12 - 4, 4);
    for (const unsigned symbol : {17u, 18u, 0u, 1u, 2u, 3u, 4u, 5u, 16u, 6u, 7u, 8u})
      bits.put(symbol == 0 || symbol == 8 ? 1 : 0, 3);
    bits.put(0, 1);  // as many lengths as symbols
    for (unsigned i = 0; i < alphabet; ++i) bits.put(i < 256 ? 1 : 0, 1);
  };
  bits.put(static_cast<unsigned>(width - 1), 14);
  bits.put(static_cast<unsigned>(height - 1), 14);
  bits.put(0, 1 + 3);  // no alpha, version 0
  bits.put(0, 1);      // no transforms
  bits.put(0, 1);      // no cache of colours
  bits.put(1, 1);      // groups, for squares of 4 x 4
  bits.put(0, 3);
  bits.put(0, 1);  // their picture has no cache
  each_of_256(256 + 24);
  each_of_256(256);
  only_zero();
  only_zero();
  only_zero();
  const unsigned squares = static_cast<unsigned>((width + 3) / 4 * ((height + 3) / 4));
  for (unsigned i = 0; i < squares; ++i) {
    bits.put_code(i % count & 255, 8);
    bits.put_code(i % count >> 8, 8);
  }
  for (unsigned i = 0; i < std::min(count, squares) * 5; ++i) only_zero();
  return riff_file(riff_chunk("VP8L", "\x2f" + bits.bytes()));
}

}  // namespace oc::test
