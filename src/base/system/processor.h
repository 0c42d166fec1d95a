// The processor, as the system tells of it and lets this program use it.
#pragma once

#include <string>
#include <vector>

namespace oc {

std::string processor_name();  // "unknown" where the system does not say

// Numbers of the CPUs that this process may run on.
std::vector<int> affinity_cpus();
// Threads that compute fastest on them: one a physical core (a hyper-thread beside another takes
// from it what it computes itself), no more than the CPU time that a control group grants, at
// least 1.
int usable_cores();

// Whether a 64-bit Arm has instructions for dot products of int8 (FEAT_DotProd).
bool has_arm_dot_product();
// Asks for the use of an x86's matrix tiles (AMX), once for all threads; false: the system does
// not grant it. That the processor has them is the caller's to know.
bool request_matrix_tiles();

}  // namespace oc
