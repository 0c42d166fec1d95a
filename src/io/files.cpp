#include "io/files.h"

#include <fmt/format.h>

#include <algorithm>

namespace oc {

namespace fs = std::filesystem;

const fs::path& embedded_folder() {
  static const fs::path folder = "ocellus:demo";
  return folder;
}

const EmbeddedFile* embedded_file(const fs::path& path) {
  if (path.parent_path() != embedded_folder()) return nullptr;
  const std::string name = path.filename().string();
  const auto found = std::ranges::find(embedded_model(), name, &EmbeddedFile::name);
  return found == embedded_model().end() ? nullptr : &*found;
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return path == embedded_folder() || fs::is_directory(path, error);
}

bool is_file(const fs::path& path) {
  std::error_code error;
  return embedded_file(path) != nullptr || fs::is_regular_file(path, error);
}

std::vector<std::string> file_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  if (folder == embedded_folder())
    for (const EmbeddedFile& file : embedded_model()) names.emplace_back(file.name);
  else
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      if (is_file(it->path())) names.push_back(it->path().filename().string());
  std::ranges::sort(names);
  return names;
}

Result<std::uint64_t> file_bytes(const fs::path& path) {
  if (const EmbeddedFile* file = embedded_file(path)) return std::uint64_t{file->bytes.size()};
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (error)
    return Error{ErrorCode::kNotFound,
                 fmt::format("{}: cannot be read: {}", path.string(), error.message())};
  return std::uint64_t{size};
}

std::uint64_t model_bytes(const fs::path& folder) {
  std::uint64_t bytes = 0;
  for (const std::string& name : file_names(folder))
    if (const auto size = file_bytes(folder / name); size.ok()) bytes += *size;
  return bytes;
}

}  // namespace oc
