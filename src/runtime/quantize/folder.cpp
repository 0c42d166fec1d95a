#include "runtime/quantize/folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/system/files.h"
#include "io/json.h"
#include "io/json_text.h"
#include "io/whole_file.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr const char* kIndex = "model.safetensors.index.json";
constexpr std::size_t kSpareBytes = 64u << 20;  // beside the tensors
constexpr std::size_t kMaxConfigBytes = 64u << 20;

bool is_temporary(const fs::path& path) { return path.extension() == ".tmp"; }

std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    out.push_back(it->path());
  return out;
}

// Files of a model folder that are neither weights nor written anew: by what they end with, so that
// weights in other formats stay behind.
bool is_companion(const fs::path& path) {
  std::error_code error;
  const std::string name = path.filename().string(), extension = path.extension().string();
  if (!fs::is_regular_file(path, error) || name.starts_with('.')) return false;
  if (name == "config.json" || name == kStateFile || name.ends_with(".index.json")) return false;
  if (name.starts_with("LICENSE") || name.starts_with("NOTICE")) return true;
  constexpr const char* kExtensions[] = {".json", ".jinja", ".txt", ".model", ".md", ".py"};
  return std::ranges::find(kExtensions, extension) != std::end(kExtensions);
}

Result<void> copy_companions(const fs::path& from, const fs::path& to) {
  for (const fs::path& path : entries(from)) {
    if (!is_companion(path)) continue;
    const fs::path target = to / path.filename();
    const fs::path temporary = target.string() + fmt::format(".{}.tmp", ::getpid());
    std::error_code error;
    fs::copy_file(path, temporary, fs::copy_options::overwrite_existing, error);
    if (!error) {  // the input may be read-only: then so was the copy
      fs::permissions(temporary, fs::perms::owner_read | fs::perms::owner_write,
                      fs::perm_options::add, error);
      fs::rename(temporary, target, error);
    }
    if (error)
      return Error{
          ErrorCode::kInternal,
          fmt::format("{} cannot be copied to {}: {}", path.string(), to.string(), error.message()),
          "check the folder, its permissions and the free space"};
  }
  return {};
}

std::string index_text(const QuantizePlan& plan) {
  std::size_t total = 0;
  std::map<std::string, std::string> map;  // sorted, as in MLX's
  for (const ShardPlan& shard : plan.shards) {
    total += shard.bytes();
    for (const TensorPlan& tensor : shard.tensors)
      for (const PlannedTensor& output : tensor.outputs) map[output.name] = shard.file;
  }
  json::object weight_map;
  for (const auto& [name, file] : map) weight_map[name] = file;
  return json_text(
      json::object{{"metadata", {{"total_size", total}}}, {"weight_map", std::move(weight_map)}});
}

// A new line and the indent of an object's members as its text has it; empty where it has no lines.
std::string line_start(std::string_view object) {
  const std::size_t key = object.find('"');
  const std::size_t line = key == std::string_view::npos ? key : object.rfind('\n', key);
  return line == std::string_view::npos ? "" : std::string(object.substr(line, key - line));
}

}  // namespace

Result<std::unique_ptr<OutputFolder>> OutputFolder::open(const fs::path& folder,
                                                         const fs::path& input) {
  std::error_code error;
  if (fs::equivalent(folder, input, error))
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} is the input itself", folder.string()), "name another folder"};
  fs::create_directories(folder, error);
  std::unique_ptr<OutputFolder> out(new OutputFolder);
  out->path_ = folder;
  out->fd_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (out->fd_ < 0)
    return Error{ErrorCode::kInternal, fmt::format("{} cannot be made", folder.string()),
                 "check that it is a folder, and its permissions"};
  if (try_lock(out->fd_) != 0)
    return Error{ErrorCode::kUnavailable,
                 fmt::format("another process is writing to {}", folder.string()),
                 "wait until it has finished"};
  OC_ASSIGN_OR_RETURN(out->earlier_, read_state(folder));
  // The first thing that a run leaves is its state, so files without one are someone else's.
  if (!out->earlier_ && !std::ranges::all_of(entries(folder), is_temporary))
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("{} is not empty, and holds no quantisation to go on with", folder.string()),
        "name a folder that is empty or not there yet"};
  for (const fs::path& path : entries(folder))
    if (is_temporary(path) && (out->earlier_ || path.filename().string().starts_with(kStateFile)))
      fs::remove(path, error);
  return out;
}

OutputFolder::~OutputFolder() {
  if (fd_ >= 0) ::close(fd_);  // and the lock goes
}

Result<void> OutputFolder::clear() {
  if (!earlier_) return {};
  earlier_.reset();
  for (const fs::path& path : entries(path_)) {
    const std::string name = path.filename().string();
    const bool weights = name.starts_with("model") && path.extension() == ".safetensors";
    if (!weights && name != "config.json" && name != kIndex && name != kStateFile) continue;
    std::error_code error;
    fs::remove(path, error);
    if (error)
      return Error{ErrorCode::kInternal,
                   fmt::format("{} cannot be removed: {}", path.string(), error.message())};
  }
  return {};
}

Result<void> OutputFolder::check_space(std::size_t bytes) const {
  std::error_code error;
  const fs::space_info space = fs::space(path_, error);
  if (error || space.available >= bytes + kSpareBytes) return {};
  return Error{ErrorCode::kTooLarge,
               fmt::format("{} has room for {:.1f} GB, {:.1f} GB are needed", path_.string(),
                           static_cast<double>(space.available) / 1e9,
                           static_cast<double>(bytes + kSpareBytes) / 1e9),
               "make room, or write to another disk"};
}

Result<std::string> with_quantization(std::string_view config, const QuantSpec& spec) {
  OC_ASSIGN_OR_RETURN(const json::value parsed, parse_json(config, "config.json"));
  constexpr std::string_view kSpace = " \t\r\n";
  if (!parsed.is_object() || parsed.as_object().contains("quantization"))
    return Error{ErrorCode::kCorrupt, "config.json: expected an object without \"quantization\"",
                 "start from the checkpoint in full precision"};
  // An object's text: what follows the last member is the brace that ends it.
  const std::size_t brace = config.rfind('}');
  const std::size_t last = config.find_last_not_of(kSpace, brace - 1);
  const std::string end = line_start(config);
  const std::string inner = end.empty() ? end : end + end.substr(1);
  const std::string value =
      fmt::format("\"quantization\": {{{}\"group_size\": {},{}\"bits\": {}{}}}", inner,
                  spec.group_size, inner, spec.bits, end);
  return fmt::format("{}{}{}{}{}{}", config.substr(0, last + 1),
                     parsed.as_object().empty() ? "" : ",", end, value, end.empty() ? "" : "\n",
                     config.substr(brace));
}

Result<void> write_companions(const fs::path& folder, const QuantizePlan& plan) {
  const fs::path& from = plan.input->folder();
  OC_ASSIGN_OR_RETURN(const std::string config, read_file(from / "config.json", kMaxConfigBytes));
  OC_ASSIGN_OR_RETURN(const std::string text, with_quantization(config, plan.spec));
  OC_RETURN_IF_ERROR(copy_companions(from, folder));
  OC_RETURN_IF_ERROR(write_file_atomically(folder / kIndex, index_text(plan)));
  return write_file_atomically(folder / "config.json", text);
}

}  // namespace oc
