#include "io/json.h"

#include <fmt/format.h>

#include <cmath>
#include <fstream>

#include "base/printable.h"
#include "io/files.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::size_t kShown = 40;  // bytes of a value in a message
constexpr std::size_t kShownName = 200;

// At most `most` bytes of `text`, whole characters.
std::string cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return std::string(text.substr(0, most)) + "…";
}

// A value as it may stand in a message: short, escaped, one line.
std::string shown(const json::value& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return cut(json_text(value), kShown);
}

Error missing(const std::string& what, std::string_view key) {
  return {ErrorCode::kCorrupt, fmt::format("{}: \"{}\" is missing", what, key),
          "use the model's files as published"};
}

Error wrong(const std::string& what, std::string_view key, std::string_view wanted,
            const json::value& found) {
  return {ErrorCode::kCorrupt,
          fmt::format("{}: \"{}\" must be {}, found {}", what, key, wanted, shown(found)),
          "use the model's files as published"};
}

// 1e999 is valid JSON, and becomes infinity.
bool is_finite_number(const json::value& value) {
  return value.is_number() && std::isfinite(value.to_number<double>());
}

// Absent and null are the same thing.
const json::value* find(const json::object& object, std::string_view key) {
  const json::value* found = object.if_contains(key);
  return found == nullptr || found->is_null() ? nullptr : found;
}

}  // namespace

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

std::string shown_name(std::string_view text) {
  return printable(json_quoted(cut(text, kShownName)), Lines::kOne);
}

bool JsonReader::has(std::string_view key) const { return find(*object_, key) != nullptr; }

Result<std::int64_t> JsonReader::integer(std::string_view key, std::int64_t min,
                                         std::int64_t max) const {
  const json::value* found = find(*object_, key);
  if (found == nullptr) return missing(what_, key);
  const std::int64_t* value = found->if_int64();
  if (value == nullptr || *value < min || *value > max)
    return wrong(what_, key, fmt::format("an integer from {} to {}", min, max), *found);
  return *value;
}

Result<double> JsonReader::number(std::string_view key) const {
  const json::value* found = find(*object_, key);
  if (found == nullptr) return missing(what_, key);
  if (!is_finite_number(*found)) return wrong(what_, key, "a number", *found);
  return found->to_number<double>();
}

Result<std::string> JsonReader::string(std::string_view key) const {
  const json::value* found = find(*object_, key);
  if (found == nullptr) return missing(what_, key);
  if (!found->is_string()) return wrong(what_, key, "a string", *found);
  return std::string(found->as_string());
}

Result<bool> JsonReader::boolean(std::string_view key) const {
  const json::value* found = find(*object_, key);
  if (found == nullptr) return missing(what_, key);
  if (!found->is_bool()) return wrong(what_, key, "true or false", *found);
  return found->as_bool();
}

Result<std::vector<double>> JsonReader::numbers(std::string_view key, std::size_t expected) const {
  const json::value* found = find(*object_, key);
  if (found == nullptr) return missing(what_, key);
  const std::string wanted = fmt::format("a list of {} numbers", expected);
  const json::array* list = found->if_array();
  if (list == nullptr) return wrong(what_, key, wanted, *found);
  if (list->size() != expected)
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{}: \"{}\" must be {}, found {}", what_, key, wanted, list->size()),
                 "use the model's files as published"};
  std::vector<double> out;
  for (const json::value& value : *list) {
    if (!is_finite_number(value)) return wrong(what_, key, wanted, value);
    out.push_back(value.to_number<double>());
  }
  return out;
}

Result<JsonReader> JsonReader::object(std::string_view key) const {
  const json::value* found = find(*object_, key);
  if (found == nullptr) return missing(what_, key);
  if (!found->is_object()) return wrong(what_, key, "an object", *found);
  return JsonReader(found->as_object(), fmt::format("{}: {}", what_, key));
}

Result<std::int64_t> JsonReader::integer_or(std::string_view key, std::int64_t fallback,
                                            std::int64_t min, std::int64_t max) const {
  return has(key) ? integer(key, min, max) : Result<std::int64_t>(fallback);
}
Result<double> JsonReader::number_or(std::string_view key, double fallback) const {
  return has(key) ? number(key) : Result<double>(fallback);
}
Result<std::string> JsonReader::string_or(std::string_view key, std::string fallback) const {
  return has(key) ? string(key) : Result<std::string>(std::move(fallback));
}
Result<bool> JsonReader::boolean_or(std::string_view key, bool fallback) const {
  return has(key) ? boolean(key) : Result<bool>(fallback);
}

}  // namespace oc
