#include <sys/sysctl.h>

#include <algorithm>
#include <cstddef>
#include <thread>

#include "base/system/processor.h"

namespace oc {
namespace {

// 0: the system does not know the name.
int number(const char* name) {
  int value = 0;
  std::size_t size = sizeof value;
  return ::sysctlbyname(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

std::string processor_name() {
  char name[256] = {};
  std::size_t size = sizeof name - 1;
  return ::sysctlbyname("machdep.cpu.brand_string", name, &size, nullptr, 0) == 0 ? name
                                                                                  : "unknown";
}

// The fast cores: every step waits for its last item, which a slow core would have.
std::vector<int> affinity_cpus() {
  const int fast = number("hw.perflevel0.physicalcpu");
  const int count = fast > 0 ? fast : static_cast<int>(std::thread::hardware_concurrency());
  std::vector<int> cpus;
  for (int cpu = 0; cpu < count; ++cpu) cpus.push_back(cpu);
  return cpus;
}

int usable_cores() { return std::max(1, static_cast<int>(affinity_cpus().size())); }

bool has_arm_dot_product() { return number("hw.optional.arm.FEAT_DotProd") != 0; }

bool request_matrix_tiles() { return false; }

}  // namespace oc
