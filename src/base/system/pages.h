// Pages of memory: their size, and what the system is asked to do with them. Ranges are whole
// pages. What fails gives errno, 0 where all is well.
#pragma once

#include <cstddef>

namespace oc {

std::size_t page_bytes();
std::size_t large_page_bytes();  // 2 MiB; 0: memory cannot be asked to have any

// A hint: fewer page faults and address translations. Nothing where there are no large pages.
void advise_large_pages(void* begin, std::size_t bytes);
// Whether a fault in a mapping that asks for large pages reads one, and asks for the next one.
// read_pages_ahead() would fill the page cache with small ones first.
bool faults_read_large_pages();

// Asks for the pages of a mapped file that are not in memory, and does not wait.
void read_pages_ahead(void* begin, std::size_t bytes);
// Reads them and enters them into this process. EINVAL: the system cannot (Linux before 5.14).
int populate_pages(void* begin, std::size_t bytes);
// Keeps the pages that are in memory, and those that will come, until they are unmapped. Where the
// system cannot wait for them (Linux before 4.4, other systems) it reads everything at once.
int lock_pages(void* begin, std::size_t bytes);

}  // namespace oc
