// Figures of memory, in bytes; 0: the system does not say.
#pragma once

#include <cstddef>

namespace oc {

// What this process may use: the machine's memory or, where that is less, the lowest limit of its
// control group and those around it.
std::size_t memory_of_machine();
std::size_t memory_available();      // of the machine, without swapping
std::size_t memory_of_process();     // its own: mapped files do not count
std::size_t mapped_addresses();      // of this process, used or not
std::size_t resident_memory();       // of this process, mapped files too
std::size_t peak_resident_memory();  // the most that it was, since forget_peak_resident_memory()
void forget_peak_resident_memory();  // does nothing where the system cannot

}  // namespace oc
