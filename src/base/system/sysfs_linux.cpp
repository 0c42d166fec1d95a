#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <string>

#include "base/system/sysfs.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

// CPUs' worth of time that the control group grants, 0 when it sets no limit.
double cgroup_cpus(const fs::path& sys) {
  std::ifstream unified(sys / "fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (unified >> quota >> period && quota != "max" && period > 0) return std::stod(quota) / period;
  std::ifstream quota_file(sys / "fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_file(sys / "fs/cgroup/cpu/cpu.cfs_period_us");
  double allowed = 0;
  if (quota_file >> allowed && period_file >> period && allowed > 0 && period > 0)
    return allowed / period;
  return 0;
}

// A file that holds one number of bytes; 0: it is not there, or says "max".
std::size_t number_in(const fs::path& path) {
  std::ifstream file(path);
  std::size_t bytes = 0;
  return file >> bytes ? bytes : 0;
}

}  // namespace

int cores_of(const std::vector<int>& cpus, const fs::path& sys) {
  // Hyper-threads of one core list the same siblings ("0,4" or "0-1"). Those outside the mask are
  // in the list too, so it names the core whichever of them may be used.
  std::set<std::string> cores;
  for (const int cpu : cpus) {
    std::ifstream file(sys /
                       fmt::format("devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
    std::string siblings;
    if (!(file >> siblings)) siblings = fmt::format("cpu{}", cpu);  // a core of its own
    cores.insert(siblings);
  }
  int count = static_cast<int>(cores.size());
  const double quota = cgroup_cpus(sys);
  if (quota > 0) count = std::min(count, static_cast<int>(std::ceil(quota)));
  return std::max(1, count);
}

std::size_t cgroup_memory_limit(std::string_view groups, const fs::path& root) {
  std::size_t lowest = 0;  // 0: no limit yet
  // Lines "0::/path" (version 2), "4:memory:/path" (version 1). In a container the path may be
  // that outside of it: then there is no such folder, and the root's own limit counts.
  while (!groups.empty()) {
    const std::string_view line = groups.substr(0, groups.find('\n'));
    groups.remove_prefix(std::min(groups.size(), line.size() + 1));
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 && ("," + std::string(controllers) + ",").find(",memory,") == std::string::npos)
      continue;
    const fs::path base = v2 ? root : root / "memory";
    const char* name = v2 ? "memory.max" : "memory.limit_in_bytes";
    fs::path group = fs::path(line.substr(second + 1)).relative_path().lexically_normal();
    for (;; group = group.parent_path()) {
      const std::size_t limit = number_in(base / group / name);
      if (limit > 0 && (lowest == 0 || limit < lowest)) lowest = limit;
      if (group.empty()) break;
    }
  }
  return lowest;
}

}  // namespace oc
