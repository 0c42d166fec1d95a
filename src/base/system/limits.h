// What the system grants this process. A soft limit is only a default: anybody may raise it up to
// the hard one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace oc {

// Bytes that may be locked in memory; none: as many as there are.
std::optional<std::uint64_t> memory_lock_limit();
void raise_memory_lock_limit(std::uint64_t wanted);  // bytes; as far as the hard limit allows it

// Raises the number of files and connections that may be open at once to `wanted`, as far as the
// hard limit allows it. → the number now; none: unknown.
std::optional<std::size_t> raise_descriptor_limit(std::size_t wanted);

}  // namespace oc
