// Mapped weights come into memory page by page, when they are first read. Here they are brought in
// before that, and kept there.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace oc {

// Parts of mapped files, each from its first byte to its last.
using MappedRanges = std::vector<std::span<const std::byte>>;

// Called after each block with the bytes done so far and in all; false: stop.
using PopulateProgress = std::function<bool(std::size_t done, std::size_t total)>;

// For a whole file that was just mapped: the system may read it into pages of 2 MiB (Linux; the
// file system decides). What is in the page cache already stays there in its small pages.
void want_large_pages(std::span<const std::byte> file);

// Reads what the page cache lacks and enters every page into this process.
// → false when `progress` stopped it. Error kCorrupt: a page cannot be read (disk, or the file was
// cut off meanwhile). Any thread.
Result<bool> populate(const MappedRanges& ranges, const PopulateProgress& progress);

// The two halves of populate() for background threads. read_ahead() asks the system to read what
// the page cache lacks, and does not wait; it does nothing where a fault reads a whole large page.
// touch_pages() enters the pages, never holds a lock that another thread's mmap() or malloc() could
// wait for, and is the faster way where the cache is warm. A page that is gone is as with any read
// of a MappedFile.
void read_ahead(std::span<const std::byte> range);
void touch_pages(std::span<const std::byte> range);

// Keeps the pages that are in memory, and those that will come, until they are unmapped (mlock);
// raises the soft limit of locked memory where the hard one allows it. Reads nothing itself. Error
// kUnavailable: the limit, or the memory, is too small; says both numbers and what to do.
Result<void> lock_in_memory(const MappedRanges& ranges);

}  // namespace oc
