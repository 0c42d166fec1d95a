// What a program and its helper tell each other: a block of memory that both map. A header, the
// file, the pixels; how it went is the exit status.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "image/bytes.h"
#include "image/colours.h"

namespace oc {

// The libraries that are locked in.
enum class Coder : std::uint32_t { kHeif, kTiff };

// Rows of pixels, as they are stored: not turned, colours as they are.
struct PixelRequest {
  Coder coder = Coder::kHeif;
  Samples samples = Samples::kRgb;  // wanted; alpha may be left out
  int width = 0, height = 0;        // of the result, as the file's structure tells
  std::size_t pixel_bytes() const {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * samples_of(samples);
  }
};

// How the helper exits; other statuses are nobody's.
enum class HelperStatus : int {
  kDone = 0,
  kDamaged = 40,
  kUnsupported,  // a kind of the format that the library does not decode
  kNoDecoder,    // the program was built without one for it
  kOutOfMemory,  // more than was counted for such a picture
  kNotLocked,    // the system does not let it lock itself in
  kNotAsked,     // there is no request
};

// Decodes in this process: the rows to `pixels`, pixel_bytes() of them. Throws std::bad_alloc.
HelperStatus decode_pixels(const PixelRequest& request, Bytes file, std::span<std::uint8_t> pixels);
using DecodePixels = HelperStatus (*)(const PixelRequest&, Bytes, std::span<std::uint8_t>);

inline constexpr std::array<char, 8> kRequestMagic = {'o', 'c', 'p', 'i', 'x', 'e', 'l', '1'};
struct RequestHeader {
  std::array<char, 8> magic = kRequestMagic;
  std::int64_t asker = 0;  // the process that waits
  std::uint64_t block_bytes = 0, file_bytes = 0, memory_bytes = 0;
  std::uint32_t coder = 0, samples = 0;
  std::int32_t width = 0, height = 0;
  std::uint32_t done = 0;  // set by the helper behind the last pixel
  std::uint32_t unused = 0;
};
static_assert(sizeof(RequestHeader) == 64, "no padding: headers are compared as bytes");

// Where the parts of the block begin.
inline constexpr std::size_t kFileAt = 4096;
constexpr std::size_t pixels_at(std::size_t file_bytes) {
  constexpr std::size_t kPage = 4096;
  return kFileAt + (file_bytes + kPage - 1) / kPage * kPage;
}

// Descriptors of a helper, beside 0 to 2, which lead nowhere.
inline constexpr int kBlockDescriptor = 3;
inline constexpr int kLifeDescriptor = 4;  // closed when it ends: the other end is waited on

// The argument that makes a program a helper.
inline constexpr char kHelperArgument[] = "--picture-helper";

// A picture may take so much.
inline constexpr int kMaxCpuSeconds = 2;

}  // namespace oc
