// How this kind of vocabulary writes what a token cannot hold as it is: spaces and bytes.
#pragma once

#include <cstdint>
#include <string_view>

namespace oc {

// Stands for a space, in a token and in a text that is about to be split into tokens.
inline constexpr char32_t kSpaceMarkCodePoint = 0x2581;
inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // "▁" in UTF-8

// "<0x0A>" → 10; -1: the token is no byte. The reference reads digits of both cases here, though it
// writes capitals.
std::int16_t byte_of_token(std::string_view content);

}  // namespace oc
