#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "base/system/memory.h"
#include "base/system/pages.h"
#include "base/system/sysfs.h"

namespace oc {
namespace {

// The field of a status file of /proc, given there in kB; 0: it has none.
std::size_t kib_of(const char* path, std::string_view field) {
  std::ifstream file(path);
  for (std::string name; file >> name;) {
    std::size_t kib = 0;
    if (name == field && file >> kib) return kib << 10;
    std::getline(file, name);
  }
  return 0;
}

}  // namespace

std::size_t memory_of_machine() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const std::size_t machine = pages > 0 ? static_cast<std::size_t>(pages) * page_bytes() : 0;
  std::ifstream file("/proc/self/cgroup");
  const std::string groups(std::istreambuf_iterator<char>(file), {});
  const std::size_t limit = cgroup_memory_limit(groups, "/sys/fs/cgroup");
  return machine == 0 || limit == 0 ? std::max(machine, limit) : std::min(machine, limit);
}

std::size_t memory_available() { return kib_of("/proc/meminfo", "MemAvailable:"); }
std::size_t memory_of_process() { return kib_of("/proc/self/status", "RssAnon:"); }

std::size_t mapped_addresses() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  return file >> total ? total * page_bytes() : 0;
}

std::size_t resident_memory() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  return file >> total >> resident ? resident * page_bytes() : 0;
}

std::size_t peak_resident_memory() { return kib_of("/proc/self/status", "VmHWM:"); }
void forget_peak_resident_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace oc
