// The C library's heap, for a server that promises how much memory it takes: what was freed goes
// back to the system instead of waiting in some thread's heap. Nothing where it is not glibc's.
#pragma once

namespace oc::heap {

// From now on large blocks are the system's as soon as they are freed. Else each thread's heap may
// keep 64 MiB of them.
void give_back_large_blocks();
// What lies free between smaller blocks; takes some ms.
void give_back_free_pages();
// All threads share it: each one more would reserve 64 MB of addresses. Before the first thread.
void use_one_arena();

}  // namespace oc::heap
