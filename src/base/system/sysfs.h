// What Linux tells in files: of cores, and of the control group that this process is in. For the
// Linux half of this folder, and its tests, which read them below a root of their own.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>
#include <vector>

namespace oc {

// Of these CPUs, those that are on different cores, but no more than the control group's CPU time;
// at least 1. `sys` is where sysfs is mounted; what it does not say is left out.
int cores_of(const std::vector<int>& cpus, const std::filesystem::path& sys);

// The least memory limit of the control groups in `groups` (the text of /proc/self/cgroup) below
// `root` (/sys/fs/cgroup), versions 1 and 2. Bytes; 0: none.
std::size_t cgroup_memory_limit(std::string_view groups, const std::filesystem::path& root);

}  // namespace oc
