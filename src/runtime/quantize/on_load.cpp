#include "runtime/quantize/on_load.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/log.h"
#include "base/places.h"
#include "base/system/files.h"
#include "io/digest.h"
#include "io/file_handle.h"
#include "runtime/quantize/state.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

fs::path whole_path(const fs::path& path) {
  std::error_code error;
  fs::path out = fs::weakly_canonical(path, error);
  if (error) out = path;
  return out.has_filename() ? out : out.parent_path();
}

std::string short_digest(std::string_view text, std::size_t length) {
  Digest digest;
  digest.add(text);
  return digest.finish_hex().substr(0, length);
}

// The folder's own name, whatever it was asked for by; a snapshot of the Hugging Face cache is
// called by its commit, so it has the model's.
std::string label(const fs::path& input, std::string_view name) {
  const fs::path whole = whole_path(input);
  if (whole.parent_path().filename() != "snapshots") return whole.filename().string();
  return std::string(name.substr(name.rfind('/') + 1));
}

// "-PATH-": what the names of all copies of one model folder have in common.
std::string path_mark(const fs::path& input) {
  return fmt::format("-{}-", short_digest(whole_path(input).string(), 8));
}

// Finished by an earlier run from this very input. Its files are not hashed again: that would read
// all of them at each start, and loading checks every tensor's shape.
bool is_finished(const fs::path& folder, const QuantizePlan& plan) {
  const auto state = read_state(folder);
  if (!state.ok() || !*state || !(*state)->complete || (*state)->fingerprint != plan.fingerprint)
    return false;
  std::error_code error;
  return fs::is_regular_file(folder / "config.json", error) &&
         std::ranges::all_of((*state)->shards, [&](const FinishedShard& shard) {
           std::error_code gone;
           return fs::file_size(folder / shard.file, gone) == shard.bytes && !gone;
         });
}

// As quantize() locks it: nobody writes to it, and whoever reads has the files mapped.
void remove_unless_in_use(const fs::path& folder) {
  const FileHandle opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  std::error_code ignored;
  if (opened.is_open() && try_lock(opened.fd()) == 0) fs::remove_all(folder, ignored);
}

void remove_copies(std::string_view mark, const fs::path& but) {
  const auto folder = quantised_folder();
  if (!folder.ok()) return;
  std::error_code error;
  for (fs::directory_iterator it(*folder, error), end; !error && it != end; it.increment(error))
    if (it->path().filename().string().find(mark) != std::string::npos && it->path() != but)
      remove_unless_in_use(it->path());
}

}  // namespace

Result<fs::path> quantised_folder() {
  const auto home = home_folder();
  if (!home)
    return Error{ErrorCode::kNotFound, "there is no home to keep a quantised copy in",
                 "set OCELLUS_HOME to a folder, or use `ocellus quantize`"};
  return *home / "quantized";
}

Result<bool> is_quantised_folder(const fs::path& folder) {
  OC_ASSIGN_OR_RETURN(const auto checkpoint, Checkpoint::open(folder));
  return is_quantised(*checkpoint);
}

Result<fs::path> quantised_place(const QuantizePlan& plan, std::string_view name) {
  OC_ASSIGN_OR_RETURN(const fs::path folder, quantised_folder());
  return folder / fmt::format("{}{}{}bit-g{}-{}", label(plan.input->folder(), name),
                              path_mark(plan.input->folder()), plan.spec.bits, plan.spec.group_size,
                              short_digest(plan.fingerprint, 12));
}

Result<fs::path> quantised_copy(const fs::path& input, std::string_view name, const QuantSpec& spec,
                                const QuantizeRun& run) {
  QuantizePlanOptions options;
  options.spec = spec;
  OC_ASSIGN_OR_RETURN(std::shared_ptr<const Checkpoint> checkpoint, Checkpoint::open(input));
  OC_ASSIGN_OR_RETURN(const QuantizePlan plan, plan_quantization(std::move(checkpoint), options));
  OC_ASSIGN_OR_RETURN(const fs::path place, quantised_place(plan, name));
  if (is_finished(place, plan)) return place;
  log::event(log::Level::kInfo, "quantizing",
             {{"model", name}, {"bits", spec.bits}, {"group", spec.group_size}});
  for (;;) {
    const auto made = quantize(input, place, options, run);
    if (made.ok()) break;
    // Another process makes the same copy: kUnavailable says that and nothing else.
    if (made.error().code != ErrorCode::kUnavailable) return made.error();
    if (run.cancelled && run.cancelled())
      return Error{ErrorCode::kCancelled, "interrupted while another process quantises the model"};
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    if (is_finished(place, plan)) return place;
  }
  remove_copies(fmt::format("{}{}bit-g{}-", path_mark(input), spec.bits, spec.group_size), place);
  return place;
}

void remove_quantised_copies(const fs::path& input) { remove_copies(path_mark(input), {}); }

}  // namespace oc
