#include "image/isolated/helper.h"

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <limits>
#include <new>
#include <optional>
#include <string_view>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "image/isolated/sandbox.h"
#include "image/isolated/shared_block.h"

namespace oc {
namespace {

std::atomic<bool> can_help{false};

// Whoever asked is gone: so is this, at once on Linux, elsewhere when its CPU is used up.
bool dies_with([[maybe_unused]] std::int64_t asker) {
#ifdef __linux__
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == asker;
#else
  return true;
#endif
}

// Where the system could not do so when it was started.
void close_others() {
#if defined(__linux__) && defined(SYS_close_range)
  if (::syscall(SYS_close_range, kLifeDescriptor + 1, ~0u, 0) == 0) return;
#endif
  constexpr int kMost = 1024;
  for (int fd = kLifeDescriptor + 1; fd < kMost; ++fd) ::close(fd);
}

bool limit(int what, rlim_t most) {
  rlimit both{.rlim_cur = most, .rlim_max = most};
  // A second more, so that the first signal is the one that says why.
  if (what == RLIMIT_CPU) both.rlim_max = most + 1;
  rlimit now{};
  if (::getrlimit(static_cast<decltype(RLIMIT_CPU)>(what), &now) == 0)
    both.rlim_max = std::min(both.rlim_max, now.rlim_max);
  both.rlim_cur = std::min(both.rlim_cur, both.rlim_max);
  return ::setrlimit(static_cast<decltype(RLIMIT_CPU)>(what), &both) == 0;
}

#ifndef OC_SANITIZED
// Of this process's addresses; 0: not known.
std::size_t mapped_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  if (!(file >> pages)) return 0;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}
#endif

bool set_limits([[maybe_unused]] std::size_t memory_bytes) {
#ifdef OC_SANITIZED  // which is slow, maps terabytes, and looks at memory through pipes
  constexpr rlim_t kSlower = 20;
#else
  constexpr rlim_t kSlower = 1;
  if (const std::size_t mapped = mapped_bytes(); mapped > 0)
    if (!limit(RLIMIT_AS, mapped + memory_bytes)) return false;
  if (!limit(RLIMIT_NOFILE, 0)) return false;
#endif
  return limit(RLIMIT_CPU, kMostCpuSeconds * kSlower) && limit(RLIMIT_CORE, 0) &&
         limit(RLIMIT_FSIZE, 0);
}

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
  close_others();
  // Never taken down: the process ends.
  SharedBlock& block = *new SharedBlock(SharedBlock::open(Descriptor(kBlockDescriptor)));
  const auto asked = read_request(block.bytes());
  if (!asked || !dies_with(asked->header.asker)) return HelperStatus::kNotAsked;
#ifdef __GLIBC__
  ::mallopt(M_ARENA_MAX, 1);  // another one would reserve 64 MB of addresses
#endif
  if (!set_limits(asked->header.memory_bytes) || !lock_in()) return HelperStatus::kNotLocked;
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

bool is_picture_helper(int argc, const char* const* argv) {
  can_help = true;
  return argc == 2 && std::string_view(argv[1]) == kHelperArgument;
}

bool can_be_picture_helper() { return can_help; }

int run_picture_helper(DecodePixels decode) {
  // Nothing that the program would do at its end.
  ::_exit(static_cast<int>(help(decode)));
}

int picture_helper_main() { return run_picture_helper(decode_pixels); }

}  // namespace oc
