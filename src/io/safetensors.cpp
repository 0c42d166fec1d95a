#include "io/safetensors.h"
#include "base/printable.h"
#include "io/residency.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cstring>
#include <optional>
#include <set>

#include "io/json.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // as the format's own readers
constexpr int kMaxRank = 8;

Error corrupt(std::string_view file, std::string text) {
  return {ErrorCode::kCorrupt, fmt::format("{}: {}", file, text), "download the file again"};
}

// Boost.JSON keeps one of several equal keys, and a lying header could hide a tensor that way. So
// the keys are read from the text again, which is known to be valid: the first that stands twice in
// its object, with the tensor that it belongs to.
std::optional<std::string> find_repeated_key(std::string_view text) {
  std::vector<std::set<std::string>> objects;  // the keys of every open object
  std::string tensor;                          // the last key of the outermost one
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') objects.emplace_back();
    if (text[i] == '}') objects.pop_back();
    if (text[i] != '"') continue;
    const std::size_t begin = i++;
    for (; text[i] != '"'; ++i)
      if (text[i] == '\\') ++i;
    const std::size_t next = text.find_first_not_of(" \t\r\n", i + 1);
    if (next == std::string_view::npos || text[next] != ':') continue;
    const json::value parsed = json::parse(text.substr(begin, i + 1 - begin));  // \u0077 is w
    const std::string key(parsed.as_string());
    const bool fresh = objects.back().insert(key).second;
    if (objects.size() == 1) tensor = key;
    if (!fresh)
      return objects.size() == 1 ? shown_name(key)
                                 : fmt::format("{} of {}", shown_name(key), shown_name(tensor));
  }
  return std::nullopt;
}

// A list of non-negative integers; nullopt otherwise.
std::optional<std::vector<std::int64_t>> integers(const json::value* value) {
  if (value == nullptr || !value->is_array()) return std::nullopt;
  std::vector<std::int64_t> out;
  for (const json::value& element : value->as_array()) {
    const std::int64_t* number = element.if_int64();
    if (number == nullptr || *number < 0) return std::nullopt;
    out.push_back(*number);
  }
  return out;
}

Result<SafetensorsHeader::Entry> parse_entry(std::string_view file, std::string_view name,
                                             const json::value& value, std::size_t data_bytes) {
  const auto bad = [&](std::string_view what) {
    return corrupt(file, fmt::format("tensor {}: {}", shown_name(name), what));
  };
  const json::object* object = value.if_object();
  if (object == nullptr) return bad("is not described by an object");
  const json::value* dtype_name = object->if_contains("dtype");
  if (dtype_name == nullptr || !dtype_name->is_string()) return bad("has no dtype");
  const std::optional<DType> dtype = dtype_from_string(dtype_name->as_string());
  if (!dtype)
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: tensor {}: element type {} is not known", file, shown_name(name),
                             shown_name(dtype_name->as_string())),
                 ""};
  const auto shape = integers(object->if_contains("shape"));
  if (!shape || shape->size() > kMaxRank) return bad("has no valid shape");
  const auto offsets = integers(object->if_contains("data_offsets"));
  if (!offsets || offsets->size() != 2) return bad("has no valid data_offsets");
  const auto begin = static_cast<std::size_t>((*offsets)[0]);
  const auto end = static_cast<std::size_t>((*offsets)[1]);
  if (begin > end || end > data_bytes)
    return bad(
        fmt::format("bytes {} to {} are not within the {} bytes of data", begin, end, data_bytes));
  SafetensorsHeader::Entry entry{std::string(name), *dtype, Shape(*shape), begin, end};
  const auto numel = entry.shape.checked_numel();
  std::int64_t bytes = 0;
  if (!numel || __builtin_mul_overflow(*numel, static_cast<std::int64_t>(size_of(*dtype)), &bytes))
    return bad(fmt::format("shape {} overflows", entry.shape.str()));
  if (static_cast<std::size_t>(bytes) != end - begin)
    return bad(fmt::format("{} {} needs {} bytes, data_offsets give {}", to_string(*dtype),
                           entry.shape.str(), bytes, end - begin));
  return entry;
}

Result<void> check_layout(std::string_view file, const SafetensorsHeader& header,
                          std::size_t data_bytes) {
  std::size_t at = 0;
  for (const SafetensorsHeader::Entry& entry : header.entries) {
    if (entry.begin != at)
      return corrupt(file, fmt::format("tensor {} begins at byte {} of the data, expected {}: {}",
                                       shown_name(entry.name), entry.begin, at,
                                       entry.begin < at ? "tensors overlap" : "there is a hole"));
    at = entry.end;
  }
  if (at != data_bytes)
    return corrupt(file, fmt::format("holds {} bytes of data, its tensors {}: truncated, or not "
                                     "what the header says",
                                     data_bytes, at));
  return {};
}

}  // namespace

Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> head,
                                                   std::size_t file_bytes, std::string_view file) {
  if (head.size() < kLengthBytes || file_bytes < kLengthBytes)
    return corrupt(file, fmt::format("has only {} bytes", file_bytes));
  std::uint64_t length = 0;
  std::memcpy(&length, head.data(), kLengthBytes);
  if (length > kMaxHeaderBytes || length > file_bytes - kLengthBytes ||
      length > head.size() - kLengthBytes)
    return corrupt(file,
                   fmt::format("claims a header of {} bytes in a file of {}: truncated, or not "
                               "a safetensors file",
                               length, file_bytes));
  const std::string_view text(reinterpret_cast<const char*>(head.data()) + kLengthBytes,
                              static_cast<std::size_t>(length));
  OC_ASSIGN_OR_RETURN(const json::value value,
                      parse_json(text, fmt::format("{}: header", file), 8));
  const json::object* object = value.if_object();
  if (object == nullptr) return corrupt(file, "the header is not a JSON object");
  if (const std::optional<std::string> key = find_repeated_key(text))
    return corrupt(file, fmt::format("the header names {} twice", *key));

  SafetensorsHeader header;
  header.data_offset = kLengthBytes + static_cast<std::size_t>(length);
  const std::size_t data_bytes = file_bytes - header.data_offset;
  for (const auto& member : *object) {
    if (member.key() == "__metadata__") {
      const json::object* metadata = member.value().if_object();
      if (metadata == nullptr) return corrupt(file, "__metadata__ is not an object");
      for (const auto& pair : *metadata) {
        if (!pair.value().is_string()) return corrupt(file, "__metadata__ holds more than strings");
        header.metadata.emplace(std::string(pair.key()), std::string(pair.value().as_string()));
      }
      continue;
    }
    OC_ASSIGN_OR_RETURN(SafetensorsHeader::Entry entry,
                        parse_entry(file, member.key(), member.value(), data_bytes));
    header.entries.push_back(std::move(entry));
  }
  std::ranges::stable_sort(header.entries, [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  OC_RETURN_IF_ERROR(check_layout(file, header, data_bytes));
  return header;
}

Result<std::shared_ptr<const SafetensorsFile>> SafetensorsFile::open(
    const std::filesystem::path& path) {
  auto file = std::make_shared<SafetensorsFile>();
  OC_ASSIGN_OR_RETURN(file->mapping_, MappedFile::open(path, kLengthBytes));
  const std::span<const std::byte> bytes = file->mapped();
  want_large_pages(bytes);
  const std::string name = path.filename().string();
  Result<SafetensorsHeader> parsed = parse_safetensors_header(bytes, bytes.size(), name);
  OC_RETURN_IF_ERROR(file->intact());  // else it may be zeros that were parsed
  OC_ASSIGN_OR_RETURN(SafetensorsHeader header, std::move(parsed));
  file->metadata_ = std::move(header.metadata);
  for (SafetensorsHeader::Entry& entry : header.entries) {
    file->by_name_.emplace(entry.name, file->tensors_.size());
    file->tensors_.push_back(
        {std::move(entry.name), entry.dtype, std::move(entry.shape),
         bytes.subspan(header.data_offset + entry.begin, entry.end - entry.begin), name});
  }
  return std::shared_ptr<const SafetensorsFile>(std::move(file));
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace oc
