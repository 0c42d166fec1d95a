#include "runtime/quantize/state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "io/digest.h"
#include "io/json.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::int64_t kVersion = 1;

json::object to_json(const TensorReport& tensor) {
  return {{"name", tensor.name},
          {"action", to_string(tensor.action)},
          {"elements", tensor.elements},
          {"error", tensor.deviation.error},
          {"signal", tensor.deviation.signal}};
}

Result<TensorReport> tensor_from(const JsonReader& in) {
  TensorReport out;
  OC_ASSIGN_OR_RETURN(out.name, in.string("name"));
  OC_ASSIGN_OR_RETURN(const std::string action, in.string("action"));
  for (const TensorAction candidate :
       {TensorAction::kQuantize, TensorAction::kCast, TensorAction::kCopy})
    if (action == to_string(candidate)) out.action = candidate;
  OC_ASSIGN_OR_RETURN(const std::int64_t elements, in.integer("elements", 0, INT64_MAX));
  out.elements = static_cast<std::size_t>(elements);
  OC_ASSIGN_OR_RETURN(out.deviation.error, in.number("error"));
  OC_ASSIGN_OR_RETURN(out.deviation.signal, in.number("signal"));
  return out;
}

// The objects of an array; an error names the array.
Result<std::vector<JsonReader>> objects(const JsonReader& in, std::string_view key) {
  std::vector<JsonReader> out;
  const json::value* array = in.raw().if_contains(key);
  if (array == nullptr || !array->is_array())
    return Error{ErrorCode::kCorrupt, fmt::format("{}: \"{}\" is no array", in.what(), key)};
  for (const json::value& item : array->as_array()) {
    if (!item.is_object())
      return Error{ErrorCode::kCorrupt, fmt::format("{}: \"{}\" holds no objects", in.what(), key)};
    out.emplace_back(item.as_object(), in.what());
  }
  return out;
}

Result<FinishedShard> shard_from(const JsonReader& in) {
  FinishedShard out;
  OC_ASSIGN_OR_RETURN(out.file, in.string("file"));
  OC_ASSIGN_OR_RETURN(const std::int64_t bytes, in.integer("bytes", 0, INT64_MAX));
  out.bytes = static_cast<std::size_t>(bytes);
  OC_ASSIGN_OR_RETURN(out.sha256, in.string("sha256"));
  OC_ASSIGN_OR_RETURN(const std::vector<JsonReader> tensors, objects(in, "tensors"));
  for (const JsonReader& item : tensors) {
    OC_ASSIGN_OR_RETURN(TensorReport tensor, tensor_from(item));
    out.tensors.push_back(std::move(tensor));
  }
  return out;
}

Error cannot_write(const fs::path& path) {
  return {ErrorCode::kInternal, fmt::format("{} cannot be written", path.string()),
          "check the folder, its permissions and the free space"};
}

bool write_synced(const fs::path& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  bool good = true;
  while (good && !text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    good = written > 0;
    if (good) text.remove_prefix(static_cast<std::size_t>(written));
  }
  good = ::fsync(fd) == 0 && good;
  return ::close(fd) == 0 && good;
}

}  // namespace

Result<std::optional<QuantizeState>> read_state(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder / kStateFile, error)) return std::optional<QuantizeState>();
  OC_ASSIGN_OR_RETURN(const json::object object, read_json_object(folder / kStateFile));
  const JsonReader in(object, kStateFile);
  if (const auto version = in.integer("version", kVersion, kVersion); !version.ok())
    return version.error();
  QuantizeState state;
  OC_ASSIGN_OR_RETURN(state.fingerprint, in.string("fingerprint"));
  OC_ASSIGN_OR_RETURN(state.complete, in.boolean("complete"));
  OC_ASSIGN_OR_RETURN(const std::vector<JsonReader> shards, objects(in, "shards"));
  for (const JsonReader& item : shards) {
    OC_ASSIGN_OR_RETURN(FinishedShard shard, shard_from(item));
    state.shards.push_back(std::move(shard));
  }
  return std::optional<QuantizeState>(std::move(state));
}

Result<void> write_state(const fs::path& folder, const QuantizeState& state) {
  json::array shards;
  for (const FinishedShard& shard : state.shards) {
    json::array tensors;
    for (const TensorReport& tensor : shard.tensors) tensors.push_back(to_json(tensor));
    shards.push_back({{"file", shard.file},
                      {"bytes", shard.bytes},
                      {"sha256", shard.sha256},
                      {"tensors", std::move(tensors)}});
  }
  return write_file_atomically(folder / kStateFile,
                               json_text(json::object{{"version", kVersion},
                                                      {"fingerprint", state.fingerprint},
                                                      {"complete", state.complete},
                                                      {"shards", std::move(shards)}}));
}

Result<void> write_file_atomically(const fs::path& path, std::string_view text) {
  const fs::path temporary = path.string() + fmt::format(".{}.tmp", ::getpid());
  std::error_code error;
  if (write_synced(temporary, text)) {
    fs::rename(temporary, path, error);
    if (!error) return {};
  }
  fs::remove(temporary, error);
  return cannot_write(path);
}

Result<std::string> file_sha256(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  Digest digest;
  std::vector<char> piece(1u << 20);
  do {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    digest.add(std::string_view(piece.data(), static_cast<std::size_t>(file.gcount())));
  } while (file);
  if (!file.eof())
    return Error{ErrorCode::kNotFound, fmt::format("{} cannot be read", path.string()),
                 "check that it is there, and its permissions"};
  return digest.finish_hex();
}

bool is_intact(const fs::path& folder, const FinishedShard& shard) {
  std::error_code error;
  if (fs::file_size(folder / shard.file, error) != shard.bytes || error) return false;
  const auto hash = file_sha256(folder / shard.file);
  return hash.ok() && *hash == shard.sha256;
}

}  // namespace oc
