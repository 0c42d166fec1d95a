// Files beyond what the standard library has. What fails gives errno, 0 where all is well.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace oc {

// Takes the file's lock for this descriptor, until it is closed, also at the process' end.
// EWOULDBLOCK: another one has it. Never waits.
int try_lock(int fd);

// Lets the page cache forget what is on the disk. The system may decline, or not know how to.
void forget_cached_pages(int fd);

// Nanoseconds since 1970.
std::int64_t modified_ns(const struct stat& status);  // contents
std::int64_t changed_ns(const struct stat& status);   // contents, owner, mode or name

// Each path leads to what the other one led to, at once. ENOSYS, EINVAL: the system, or the file
// system, cannot.
int exchange_names(const std::filesystem::path& a, const std::filesystem::path& b);

// The terminal or pipe behind a descriptor once more, for writing without waiting: the flags of
// the descriptor itself belong to everybody who has it. -1: the system cannot.
int open_again_without_waiting(int fd);

// A file of this size without a name, for memory that two processes map; its size cannot change
// where the system can promise that (Linux), so that neither can pull it away from the other. -1:
// no memory, no descriptor, or no room in $TMPDIR, where it lies on other systems.
int make_shared_file(std::size_t bytes);

}  // namespace oc
