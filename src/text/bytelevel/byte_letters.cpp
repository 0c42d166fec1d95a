#include "text/bytelevel/byte_letters.h"

#include <array>
#include <cstddef>

#include "base/utf8.h"

namespace oc {
namespace {

constexpr char32_t kMoved = 0x100;       // the letters of bytes that do not stand for themselves
constexpr std::size_t kLetters = 0x144;  // the largest letter + 1

constexpr bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr auto kLetterOfByte = [] {
  std::array<char32_t, 256> letters{};
  char32_t next = kMoved;
  for (int byte = 0; byte < 256; ++byte)
    letters[static_cast<std::size_t>(byte)] =
        stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
  return letters;
}();

constexpr auto kByteOfLetter = [] {
  std::array<std::int16_t, kLetters> bytes{};
  bytes.fill(-1);
  for (std::size_t byte = 0; byte < 256; ++byte)
    bytes[kLetterOfByte[byte]] = static_cast<std::int16_t>(byte);
  return bytes;
}();

}  // namespace

std::string letter_of_byte(std::uint8_t byte) {
  const char32_t letter = kLetterOfByte[byte];
  if (letter < 0x80) return std::string(1, static_cast<char>(letter));
  return {static_cast<char>(0xC0 | letter >> 6), static_cast<char>(0x80 | (letter & 0x3F))};
}

int byte_of_letter(char32_t code_point) {
  return code_point < kLetters ? kByteOfLetter[code_point] : -1;
}

std::string bytes_of_content(std::string_view content) {
  std::string bytes;
  for (std::string_view rest = content; !rest.empty();) {
    const CodePoint next = first_code_point(rest);
    const int byte = next.size > 0 ? byte_of_letter(next.value) : -1;
    if (byte < 0) return std::string(content);
    bytes += static_cast<char>(byte);
    rest.remove_prefix(next.size);
  }
  return bytes;
}

}  // namespace oc
