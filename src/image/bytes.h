// Bounds-checked reading of bytes, and the EXIF orientation tag.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace oc {

using Bytes = std::span<const std::byte>;

inline bool starts_with(Bytes bytes, std::string_view prefix, std::size_t at = 0) {
  if (bytes.size() < at || bytes.size() - at < prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); ++i)
    if (static_cast<char>(bytes[at + i]) != prefix[i]) return false;
  return true;
}

// `count` bytes as an unsigned number; nullopt past the end.
inline std::optional<std::uint32_t> read_uint(Bytes bytes, std::size_t at, int count,
                                              bool little_endian) {
  if (at > bytes.size() || bytes.size() - at < static_cast<std::size_t>(count)) return std::nullopt;
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) {
    const auto byte = static_cast<std::uint32_t>(bytes[at + static_cast<std::size_t>(i)]);
    value |= byte << (8 * (little_endian ? i : count - 1 - i));
  }
  return value;
}

// Orientation 1..8 of an EXIF block (a TIFF structure, with or without "Exif\0\0" in front); 1 when
// it is absent, invalid, or the block makes no sense. (TIFF 6.0 §2; EXIF 2.32 tag 0x0112)
int exif_orientation(Bytes exif);

}  // namespace oc
