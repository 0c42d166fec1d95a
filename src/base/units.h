// Amounts as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace oc {

// "812 B", "24.7 kB", "2.33 GB": powers of 1000, as disks and hubs count.
std::string human_bytes(std::uint64_t bytes);
// "8 s", "3 min 20 s", "2 h 5 min"; rounded up.
std::string human_seconds(double seconds);

}  // namespace oc
