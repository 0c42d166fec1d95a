// What a process that works on a stranger's file gives up, before it looks at the file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace oc {

// Whether `parent` is there. From here on this process ends with it: at once on Linux; on other
// systems it goes on until its limit of CPU.
bool ends_with(std::int64_t parent);

// Closes what this process was given by mistake.
void close_descriptors_from(int first);

struct ProcessLimits {
  std::size_t more_memory = 0;  // bytes of addresses beside those that there are; Linux
  int cpu_seconds = 0;          // SIGXCPU ends it
};
// No files are opened or written, no core is dumped. Builds with sanitizers have more CPU and all
// memory: they are slow, and map terabytes.
bool limit_process(const ProcessLimits& limits);

// From here on no system call is left but for memory, and to end; any other one ends the process
// (SIGSYS). False: the system cannot do so. Linux (seccomp); elsewhere, and with sanitizers,
// nothing is locked and it is true.
bool lock_in();

}  // namespace oc
