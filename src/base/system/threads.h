// Threads beyond what the standard library has.
#pragma once

namespace oc {

// Gives the calling thread what the machine has left over. Nothing where a thread has no priority
// of its own.
void lower_thread_priority();

}  // namespace oc
