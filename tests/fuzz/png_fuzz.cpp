// The input is a picture: see picture.h. A second time with the checksums of all chunks put right,
// which no mutation would ever find.
#include <algorithm>
#include <array>
#include <vector>

#include "tests/fuzz/picture.h"

namespace {

// PNG specification, annex D.
std::uint32_t checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? 0xedb88320 ^ (crc >> 1) : crc >> 1;
  }
  return ~crc;
}

std::vector<std::uint8_t> repaired(std::span<const std::uint8_t> file) {
  std::vector<std::uint8_t> out(file.begin(), file.end());
  for (std::size_t at = 8; at + 12 <= out.size();) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | out[at + i];
    if (length > out.size() - at - 12) break;
    const std::uint32_t crc = checksum(std::span(out).subspan(at + 4, length + 4));
    for (std::size_t i = 0; i < 4; ++i)
      out[at + 8 + length + i] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
    at += 12 + length;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> file(data, size);
  if (!oc::fuzz::check_picture(std::as_bytes(file), oc::ImageFormat::kPng)) return -1;
  const std::vector<std::uint8_t> better = repaired(file);
  if (!std::ranges::equal(better, file))
    oc::fuzz::check_picture(std::as_bytes(std::span(better)), oc::ImageFormat::kPng);
  return 0;
}
