// What every system tells in its own way: this program's file, its memory, the processor. Linux and
// macOS; elsewhere nothing is known, which the callers can do without.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace oc {

std::filesystem::path program_file();  // symbolic links followed; empty: unknown
std::string processor_name();          // "unknown"

// In bytes; 0: unknown.
std::size_t memory_available();      // of the machine, without swapping
std::size_t memory_of_process();     // its own: mapped files do not count
std::size_t resident_memory();       // of this process, mapped files too
std::size_t peak_resident_memory();  // the most that it was, since forget_peak_resident_memory()
void forget_peak_resident_memory();  // does nothing where the system does not

}  // namespace oc
