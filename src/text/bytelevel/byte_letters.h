// GPT-2's alphabet, in which this kind of vocabulary writes bytes: a printable character for each
// of the 256. Those that are printable in Latin-1 stand for themselves; the others, in order, are
// U+0100 and up ("Ġ", U+0120, is the space). Source: openai/gpt-2, encoder.py, bytes_to_unicode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace oc {

// The letter of a byte, in UTF-8.
std::string letter_of_byte(std::uint8_t byte);
// -1: the code point is no letter.
int byte_of_letter(char32_t code_point);
// What a token stands for: its letters' bytes. A token that has anything else in it stands for
// itself, as it does in the reference's decoder (an added token with a space).
std::string bytes_of_content(std::string_view content);

}  // namespace oc
