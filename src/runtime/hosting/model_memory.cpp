#include "runtime/hosting/model_memory.h"

#include <fmt/format.h>

#include <string>

#include "base/units.h"
#include "io/files.h"

namespace oc {

namespace fs = std::filesystem;

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
