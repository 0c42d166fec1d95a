#include "runtime/hosting/model_memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "base/units.h"
#include "io/files.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

// A file that holds one number of bytes; 0: it is not there, or says "max".
std::size_t number_in(const fs::path& path) {
  std::ifstream file(path);
  std::size_t bytes = 0;
  return file >> bytes ? bytes : 0;
}

// A limit that is less than the ones before; a group without one says "max", or more than there
// can be.
void take_less(std::size_t& least, std::size_t limit) {
  if (limit > 0 && (least == 0 || limit < least)) least = limit;
}

}  // namespace

std::size_t memory_of_machine() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
  std::size_t bytes =
      pages > 0 && size > 0 ? static_cast<std::size_t>(pages) * static_cast<std::size_t>(size) : 0;
  std::ifstream file("/proc/self/cgroup");
  const std::string groups(std::istreambuf_iterator<char>(file), {});
  take_less(bytes, cgroup_limit(groups, "/sys/fs/cgroup"));
  return bytes;
}

std::size_t cgroup_limit(std::string_view groups, const fs::path& root) {
  std::size_t least = 0;
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
      take_less(least, number_in(base / group / name));
      if (group.empty()) break;
    }
  }
  return least;
}

std::size_t weights_on_disk(const fs::path& folder) {
  std::size_t bytes = 0;
  for (const std::string& name : file_names(folder)) {
    if (!name.ends_with(".safetensors")) continue;
    if (const auto size = file_bytes(folder / name); size.ok())
      bytes += static_cast<std::size_t>(*size);
  }
  return bytes;
}

Result<void> check_weights(std::size_t needed, std::size_t loaded, std::size_t limit) {
  if (limit == 0 || loaded + needed <= limit) return {};
  return Error{ErrorCode::kUnavailable,
               fmt::format("not enough memory for the model: its weights take {}, {} of the {} set "
                           "by --model-memory are in use",
                           human_bytes(needed), human_bytes(loaded), human_bytes(limit)),
               "raise --model-memory, or let idle models go with --keep-alive"};
}

}  // namespace oc
