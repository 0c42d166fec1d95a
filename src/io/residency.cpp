#include "io/residency.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "base/system/limits.h"
#include "base/system/pages.h"

namespace oc {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{16}
                                    << 20;  // some milliseconds where nothing is read

std::size_t total_bytes(const MappedRanges& ranges) {
  std::size_t total = 0;
  for (const auto& range : ranges) total += range.size();
  return total;
}

// The whole pages around a range.
struct Pages {
  std::byte* begin;
  std::size_t bytes;
};
Pages pages_of(std::span<const std::byte> range) {
  const std::size_t page = page_bytes();
  const auto begin = reinterpret_cast<std::uintptr_t>(range.data());
  const std::uintptr_t first = begin / page * page;
  const std::size_t bytes = (begin + range.size() - first + page - 1) / page * page;
  return {const_cast<std::byte*>(range.data()) - (begin - first), bytes};
}

std::string size_text(std::uint64_t bytes) {
  return bytes >> 20 != 0 ? fmt::format("{} MiB", bytes >> 20) : fmt::format("{} KiB", bytes >> 10);
}

Error cannot_lock(std::size_t bytes, int error) {
  if (const auto limit = memory_lock_limit(); limit && *limit < bytes)
    return {ErrorCode::kUnavailable,
            fmt::format("{} of weights cannot be locked in memory: this process may lock {}",
                        size_text(bytes), size_text(*limit)),
            "raise the limit (ulimit -l unlimited, systemd LimitMEMLOCK=infinity, docker run "
            "--ulimit memlock=-1), or use --preload instead of --mlock"};
  return {ErrorCode::kUnavailable,
          fmt::format("{} of weights cannot be locked in memory: {}", size_text(bytes),
                      std::strerror(error)),
          "free memory, or use --preload instead of --mlock"};
}

}  // namespace

Result<bool> populate(const MappedRanges& ranges, const PopulateProgress& progress) {
  const std::size_t total = total_bytes(ranges);
  std::size_t done = 0;
  for (const auto& range : ranges)
    for (std::size_t at = 0; at < range.size(); at += kBlockBytes) {
      const auto rest = range.subspan(at), block = rest.first(std::min(kBlockBytes, rest.size()));
      read_ahead(
          rest.subspan(block.size()).first(std::min(kBlockBytes, rest.size() - block.size())));
      const Pages pages = pages_of(block);
      const int error = populate_pages(pages.begin, pages.bytes);
      if (error == EINVAL)
        touch_pages(block);
      else if (error != 0)
        return Error{ErrorCode::kCorrupt,
                     fmt::format("the weights cannot be read: {}", std::strerror(error)),
                     "check the disk, and that nobody writes to the model's files"};
      done += block.size();
      if (progress && !progress(done, total)) return false;
    }
  return true;
}

void want_large_pages(std::span<const std::byte> file) {
  const Pages pages = pages_of(file);
  advise_large_pages(pages.begin, pages.bytes);
}

void read_ahead(std::span<const std::byte> range) {
  if (range.empty() || faults_read_large_pages()) return;
  const Pages pages = pages_of(range);
  read_pages_ahead(pages.begin, pages.bytes);
}

void touch_pages(std::span<const std::byte> range) {
  // The first byte, then the first of each page behind: nothing outside the range is read.
  const std::size_t page = page_bytes();
  const std::size_t into = reinterpret_cast<std::uintptr_t>(range.data()) % page;
  for (std::size_t at = 0; at < range.size(); at += at == 0 ? page - into : page)
    static_cast<void>(*(static_cast<const volatile std::byte*>(range.data()) + at));
}

Result<void> lock_in_memory(const MappedRanges& ranges) {
  const std::size_t total = total_bytes(ranges);
  raise_memory_lock_limit(total);
  for (const auto& range : ranges) {
    const Pages pages = pages_of(range);
    if (const int error = lock_pages(pages.begin, pages.bytes); error != 0)
      return cannot_lock(total, error);
  }
  return {};
}

}  // namespace oc
