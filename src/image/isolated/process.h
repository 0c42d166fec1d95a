// Starting the helper, waiting for it, and what its end means.
#pragma once

#include "base/system/shared_block.h"
#include "image/decoders.h"
#include "image/isolated/request.h"

namespace oc {

// What comes back: the pixels stay in the block.
class HelperPixels {
 public:
  HelperPixels(SharedBlock block, std::size_t at, std::size_t bytes)
      : block_(std::move(block)), at_(at), bytes_(bytes) {}
  std::span<const std::uint8_t> pixels() const { return block_.bytes().subspan(at_, bytes_); }

 private:
  SharedBlock block_;
  std::size_t at_, bytes_;
};

// Decodes task.bytes in a helper that may take `memory_bytes` beside the block. It is ended at once
// when task.interrupt says so, and never outlives this call or this process. kCorrupt,
// kUnsupported; kTooLarge: it takes more memory or time than it may; kUnavailable: it cannot be
// started, or was ended from outside; kCancelled, kDeadline.
Result<HelperPixels> run_helper(const Decoding& task, const PixelRequest& request,
                                std::size_t memory_bytes);

// A process of this program: its pages that are not the program file's.
inline constexpr std::size_t kHelperBytes = 16u << 20;
// Of the block, for a file of so many bytes.
inline std::size_t block_bytes(const PixelRequest& request, std::size_t file_bytes) {
  return pixels_at(file_bytes) + request.pixel_bytes();
}

}  // namespace oc
