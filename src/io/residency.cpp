#include "io/residency.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#ifdef __linux__
#include <sys/syscall.h>
#endif

namespace oc {
namespace {

constexpr std::size_t kPiece = std::size_t{16} << 20;  // some milliseconds where nothing is read

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

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

// → 0 or errno. Systems without it (Linux before 5.14) answer EINVAL.
int populate_read(const Pages& pages) {
#ifdef MADV_POPULATE_READ
  while (::madvise(pages.begin, pages.bytes, MADV_POPULATE_READ) != 0)
    if (errno != EINTR) return errno;
  return 0;
#else
  static_cast<void>(pages);
  return EINVAL;
#endif
}

// A fault in a mapping with MADV_HUGEPAGE reads 2 MiB, and asks for the next 2 MiB; MADV_WILLNEED
// would fill the page cache with small pages first.
bool large_pages() {
#ifdef MADV_HUGEPAGE
  static const bool known = ::access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0;
  return known;
#else
  return false;
#endif
}

std::string size_text(std::uint64_t bytes) {
  return bytes >> 20 != 0 ? fmt::format("{} MiB", bytes >> 20) : fmt::format("{} KiB", bytes >> 10);
}

Error cannot_lock(std::size_t bytes, int error) {
  rlimit limit{};
  const bool limited = ::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  if (limited && limit.rlim_cur < bytes)
    return {ErrorCode::kUnavailable,
            fmt::format("{} of weights cannot be locked in memory: this process may lock {}",
                        size_text(bytes), size_text(limit.rlim_cur)),
            "raise the limit (ulimit -l unlimited, systemd LimitMEMLOCK=infinity, docker run "
            "--ulimit memlock=-1), or use --preload instead of --mlock"};
  return {ErrorCode::kUnavailable,
          fmt::format("{} of weights cannot be locked in memory: {}", size_text(bytes),
                      std::strerror(error)),
          "free memory, or use --preload instead of --mlock"};
}

// A soft limit is only a default: anybody may raise it up to the hard one.
void raise_lock_limit(std::size_t bytes) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
      limit.rlim_cur >= bytes || limit.rlim_max <= limit.rlim_cur)
    return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_MEMLOCK, &limit);
}

// → 0 or errno. Without "on fault" (Linux before 4.4, other systems) it reads everything at once.
int lock_pages(const Pages& pages) {
#ifdef MLOCK_ONFAULT
  if (::mlock2(pages.begin, pages.bytes, MLOCK_ONFAULT) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
#endif
  return ::mlock(pages.begin, pages.bytes) == 0 ? 0 : errno;
}

}  // namespace

Result<bool> populate(const MappedRanges& ranges, const PopulateProgress& progress) {
  const std::size_t total = total_bytes(ranges);
  std::size_t done = 0;
  for (const auto& range : ranges)
    for (std::size_t at = 0; at < range.size(); at += kPiece) {
      const auto rest = range.subspan(at), piece = rest.first(std::min(kPiece, rest.size()));
      read_ahead(rest.subspan(piece.size()).first(std::min(kPiece, rest.size() - piece.size())));
      const int error = populate_read(pages_of(piece));
      if (error == EINVAL)
        touch_pages(piece);
      else if (error != 0)
        return Error{ErrorCode::kCorrupt,
                     fmt::format("the weights cannot be read: {}", std::strerror(error)),
                     "check the disk, and that nobody writes to the model's files"};
      done += piece.size();
      if (progress && !progress(done, total)) return false;
    }
  return true;
}

void want_large_pages(std::span<const std::byte> file) {
#ifdef MADV_HUGEPAGE
  const Pages pages = pages_of(file);
  ::madvise(pages.begin, pages.bytes, MADV_HUGEPAGE);
#else
  static_cast<void>(file);
#endif
}

void read_ahead(std::span<const std::byte> range) {
  if (range.empty() || large_pages()) return;
  const Pages pages = pages_of(range);
  ::madvise(pages.begin, pages.bytes, MADV_WILLNEED);
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
  raise_lock_limit(total);
  for (const auto& range : ranges)
    if (const int error = lock_pages(pages_of(range)); error != 0) return cannot_lock(total, error);
  return {};
}

void lower_thread_priority() {
#ifdef __linux__  // where a thread has a priority of its own
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 19);
#endif
}

}  // namespace oc
