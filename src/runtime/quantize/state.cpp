#include "runtime/quantize/state.h"

#include <fmt/format.h>

#include "io/json.h"
#include "io/json_text.h"
#include "io/whole_file.h"

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

Result<FinishedShard> shard_from(const JsonReader& in) {
  FinishedShard out;
  OC_ASSIGN_OR_RETURN(out.file, in.string("file"));
  OC_ASSIGN_OR_RETURN(const std::int64_t bytes, in.integer("bytes", 0, INT64_MAX));
  out.bytes = static_cast<std::size_t>(bytes);
  OC_ASSIGN_OR_RETURN(out.sha256, in.string("sha256"));
  OC_ASSIGN_OR_RETURN(const std::vector<JsonReader> tensors, in.objects("tensors"));
  for (const JsonReader& item : tensors) {
    OC_ASSIGN_OR_RETURN(TensorReport tensor, tensor_from(item));
    out.tensors.push_back(std::move(tensor));
  }
  return out;
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
  OC_ASSIGN_OR_RETURN(const std::vector<JsonReader> shards, in.objects("shards"));
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

bool is_intact(const fs::path& folder, const FinishedShard& shard) {
  std::error_code error;
  if (fs::file_size(folder / shard.file, error) != shard.bytes || error) return false;
  const auto hash = file_sha256(folder / shard.file);
  return hash.ok() && *hash == shard.sha256;
}

}  // namespace oc
