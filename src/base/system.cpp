#include "base/system.h"

#ifdef __APPLE__
#include <mach-o/dyld.h>
#include <mach/mach.h>
#include <sys/resource.h>
#include <sys/sysctl.h>
#else
#include <unistd.h>

#include <fstream>
#include <string_view>
#endif

namespace oc {

namespace fs = std::filesystem;

#ifdef __APPLE__

fs::path program_file() {
  std::uint32_t size = 0;
  ::_NSGetExecutablePath(nullptr, &size);
  std::string path(size, '\0');
  if (::_NSGetExecutablePath(path.data(), &size) != 0) return {};
  std::error_code error;
  fs::path file = fs::canonical(path.c_str(), error);
  return error ? fs::path() : file;
}

std::string processor_name() {
  char name[256] = {};
  std::size_t size = sizeof name - 1;
  return ::sysctlbyname("machdep.cpu.brand_string", name, &size, nullptr, 0) == 0 ? name
                                                                                  : "unknown";
}

std::size_t memory_available() {
  vm_statistics64_data_t pages{};
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  if (::host_statistics64(::mach_host_self(), HOST_VM_INFO64,
                          reinterpret_cast<host_info64_t>(&pages), &count) != KERN_SUCCESS)
    return 0;
  return (std::size_t{pages.free_count} + pages.inactive_count + pages.purgeable_count) *
         vm_page_size;
}

std::size_t memory_of_process() {
  task_vm_info_data_t info{};
  mach_msg_type_number_t count = TASK_VM_INFO_COUNT;
  return ::task_info(::mach_task_self(), TASK_VM_INFO, reinterpret_cast<task_info_t>(&info),
                     &count) == KERN_SUCCESS
             ? static_cast<std::size_t>(info.phys_footprint)
             : 0;
}

std::size_t resident_memory() {
  mach_task_basic_info_data_t info{};
  mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
  return ::task_info(::mach_task_self(), MACH_TASK_BASIC_INFO, reinterpret_cast<task_info_t>(&info),
                     &count) == KERN_SUCCESS
             ? static_cast<std::size_t>(info.resident_size)
             : 0;
}

std::size_t peak_resident_memory() {
  rusage usage{};
  return ::getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<std::size_t>(usage.ru_maxrss) : 0;
}

void forget_peak_resident_memory() {}

#else

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

fs::path program_file() {
  std::error_code error;
  fs::path file = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : file;
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name") && line.find(": ") != std::string::npos)
      return line.substr(line.find(": ") + 2);
  return "unknown";
}

std::size_t memory_available() { return kib_of("/proc/meminfo", "MemAvailable:"); }
std::size_t memory_of_process() { return kib_of("/proc/self/status", "RssAnon:"); }

std::size_t resident_memory() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  if (!(file >> total >> resident)) return 0;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t peak_resident_memory() { return kib_of("/proc/self/status", "VmHWM:"); }
void forget_peak_resident_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

#endif

}  // namespace oc
