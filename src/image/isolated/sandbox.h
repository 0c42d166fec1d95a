// What a process that decodes a stranger's file may still ask of the system: memory, and to end.
#pragma once

namespace oc {

// From here on any other call ends the process (SIGSYS). False: the system cannot do so. Linux
// (seccomp); elsewhere, and with sanitizers, nothing is locked and it is true.
bool lock_in();

}  // namespace oc
