#include "image/bytes.h"

namespace oc {

int exif_orientation(Bytes exif) {
  constexpr std::uint32_t kOrientation = 0x0112, kShort = 3, kLong = 4;
  constexpr std::size_t kEntryBytes = 12;
  using namespace std::string_view_literals;
  if (starts_with(exif, "Exif\0\0"sv)) exif = exif.subspan(6);
  bool little = false;
  if (starts_with(exif, "II*\0"sv))
    little = true;
  else if (!starts_with(exif, "MM\0*"sv))
    return 1;
  const auto directory = read_uint(exif, 4, 4, little);
  if (!directory) return 1;
  const auto count = read_uint(exif, *directory, 2, little);
  if (!count) return 1;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const std::size_t at = std::size_t{*directory} + 2 + std::size_t{i} * kEntryBytes;
    const auto tag = read_uint(exif, at, 2, little);
    if (!tag) return 1;
    if (*tag != kOrientation) continue;
    const auto type = read_uint(exif, at + 2, 2, little);
    if (!type || (*type != kShort && *type != kLong)) return 1;
    const auto value = read_uint(exif, at + 8, *type == kShort ? 2 : 4, little);
    return value && *value >= 1 && *value <= 8 ? static_cast<int>(*value) : 1;
  }
  return 1;
}

}  // namespace oc
