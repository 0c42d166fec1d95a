#include <mach/mach.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/system/memory.h"
#include "base/system/pages.h"

namespace oc {

std::size_t memory_of_machine() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  return pages > 0 ? static_cast<std::size_t>(pages) * page_bytes() : 0;
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

std::size_t mapped_addresses() { return 0; }

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

}  // namespace oc
