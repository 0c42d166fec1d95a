#include "image/isolated/helper.h"

#include <unistd.h>

#include <atomic>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>

#include "base/system/heap.h"
#include "base/system/sandbox.h"
#include "base/system/shared_block.h"

namespace oc {
namespace {

std::atomic<bool> can_help{false};

// The request in the block, if its parts are where they must be.
struct Asked {
  RequestHeader header;
  PixelRequest request;
  Bytes file;
  std::span<std::uint8_t> pixels;
};
std::optional<Asked> read_request(std::span<std::uint8_t> block) {
  Asked out;
  if (block.size() < kFileAt) return std::nullopt;
  std::memcpy(&out.header, block.data(), sizeof out.header);
  const RequestHeader& header = out.header;
  if (header.magic != kRequestMagic || header.block_bytes != block.size() ||
      header.file_bytes > block.size() - kFileAt || header.width < 1 || header.height < 1 ||
      header.coder > static_cast<std::uint32_t>(Coder::kTiff) ||
      header.samples > static_cast<std::uint32_t>(Samples::kCmyk))
    return std::nullopt;
  out.request = {.coder = static_cast<Coder>(header.coder),
                 .samples = static_cast<Samples>(header.samples),
                 .width = header.width,
                 .height = header.height};
  const std::size_t first = pixels_at(header.file_bytes);
  if (first > block.size() || out.request.pixel_bytes() != block.size() - first)
    return std::nullopt;
  out.file = std::as_bytes(std::span(block)).subspan(kFileAt, header.file_bytes);
  out.pixels = block.subspan(first);
  return out;
}

HelperStatus help(DecodePixels decode) {
  close_descriptors_from(kLifeDescriptor + 1);
  // Never taken down: the process ends.
  SharedBlock& block = *new SharedBlock(SharedBlock::open(Descriptor(kBlockDescriptor)));
  const auto asked = read_request(block.bytes());
  if (!asked || !ends_with(asked->header.asker)) return HelperStatus::kNotAsked;
  heap::use_one_arena();
  const ProcessLimits limits{.more_memory = asked->header.memory_bytes,
                             .cpu_seconds = kMaxCpuSeconds};
  if (!limit_process(limits) || !lock_in()) return HelperStatus::kNotLocked;
  try {
    const HelperStatus status = decode(asked->request, asked->file, asked->pixels);
    if (status != HelperStatus::kDone) return status;
  } catch (const std::bad_alloc&) {
    return HelperStatus::kOutOfMemory;
  }
  RequestHeader done = asked->header;
  done.done = 1;
  std::memcpy(block.bytes().data(), &done, sizeof done);
  return HelperStatus::kDone;
}

}  // namespace

bool is_image_helper(int argc, const char* const* argv) {
  can_help = true;
  return argc == 2 && std::string_view(argv[1]) == kHelperArgument;
}

bool can_be_image_helper() { return can_help; }

int run_image_helper(DecodePixels decode) {
  // Nothing that the program would do at its end.
  ::_exit(static_cast<int>(help(decode)));
}

int image_helper_main() { return run_image_helper(decode_pixels); }

}  // namespace oc
