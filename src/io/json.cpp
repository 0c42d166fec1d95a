#include "io/json.h"

#include <fmt/format.h>

#include <fstream>

#include "io/files.h"

namespace oc {

namespace json = boost::json;

Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  if (const EmbeddedFile* file = embedded_file(path))
    return std::string(reinterpret_cast<const char*>(file->bytes.data()), file->bytes.size());
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    return Error{ErrorCode::kNotFound, fmt::format("{} is not a file", path.string()),
                 "check the path"};
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error || size > max_bytes)
    return Error{ErrorCode::kTooLarge,
                 fmt::format("{} has {} bytes, more than {}", path.string(), size, max_bytes), ""};
  std::ifstream file(path, std::ios::binary);
  std::string bytes(static_cast<std::size_t>(size), '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file || file.gcount() != static_cast<std::streamsize>(bytes.size()))
    return Error{ErrorCode::kNotFound, fmt::format("{} cannot be read", path.string()),
                 "check its permissions"};
  return bytes;
}

Result<json::object> read_json_object(const std::filesystem::path& path, std::size_t max_bytes) {
  OC_ASSIGN_OR_RETURN(const std::string text, read_file(path, max_bytes));
  OC_ASSIGN_OR_RETURN(json::value value, parse_json(text, path.filename().string()));
  if (!value.is_object())
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{}: must be a JSON object", path.filename().string()), ""};
  return std::move(value.as_object());
}

}  // namespace oc
