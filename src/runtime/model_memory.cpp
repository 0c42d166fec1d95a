#include "runtime/model_memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/units.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

// A file that holds one number of bytes; 0: it is not there, or says "max".
std::size_t number_in(const char* path) {
  std::ifstream file(path);
  std::size_t bytes = 0;
  return file >> bytes ? bytes : 0;
}

Error too_little(std::size_t needed, std::string why, std::string hint) {
  return {ErrorCode::kUnavailable,
          fmt::format("not enough memory for the model: its weights take {}, {}",
                      human_bytes(needed), why),
          std::move(hint)};
}

}  // namespace

std::size_t memory_of_machine() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
  std::size_t bytes =
      pages > 0 && size > 0 ? static_cast<std::size_t>(pages) * static_cast<std::size_t>(size) : 0;
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"})
    if (const std::size_t limit = number_in(path); limit > 0 && (bytes == 0 || limit < bytes))
      bytes = limit;
  return bytes;
}

std::size_t memory_available() {
  std::ifstream file("/proc/meminfo");
  for (std::string name; file >> name;) {
    std::size_t kib = 0;
    if (name == "MemAvailable:" && file >> kib) return kib << 10;
    std::getline(file, name);
  }
  return 0;
}

std::size_t weights_on_disk(const fs::path& folder) {
  std::size_t bytes = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".safetensors") continue;
    std::error_code ignored;
    const std::uintmax_t size = it->file_size(ignored);
    if (!ignored) bytes += static_cast<std::size_t>(size);
  }
  return bytes;
}

Result<void> check_memory(const MemoryQuestion& q) {
  if (q.limit > 0) {
    if (q.loaded + q.needed <= q.limit) return {};
    return too_little(q.needed,
                      fmt::format("{} of the {} set by --model-memory are in use",
                                  human_bytes(q.loaded), human_bytes(q.limit)),
                      "raise --model-memory, or let idle models go with --keep-alive");
  }
  const std::size_t usable = q.machine - q.machine / 10;
  if (q.machine > 0 && q.loaded + q.needed > usable)
    return too_little(q.needed,
                      fmt::format("loaded models take {} of the {} that there are",
                                  human_bytes(q.loaded), human_bytes(usable)),
                      "take a smaller model (4-bit), or set --model-memory to try all the same");
  if (q.available > 0 && q.needed > q.available)
    return too_little(q.needed, fmt::format("{} are free", human_bytes(q.available)),
                      "end other programs, or set --model-memory to try all the same");
  return {};
}

}  // namespace oc
