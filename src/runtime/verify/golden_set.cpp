#include "runtime/verify/golden_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/places.h"
#include "engines/registry.h"
#include "io/files.h"
#include "io/json.h"
#include "models/registry.h"
#include "runtime/verify/expect.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr const char* kHint = "docs/add-a-model.md says what golden data holds";

const Architecture* architecture_with_shape(std::string_view shape) {
  const auto found = std::ranges::find_if(architectures(), [&](const Architecture& one) {
    return std::ranges::find(one.shapes, shape) != one.shapes.end();
  });
  return found == architectures().end() ? nullptr : &*found;
}

// The word of a set for its family → Architecture::type.
std::string type_of(std::string_view family) {
  for (const Architecture& one : architectures())
    if (family == one.golden_family) return std::string(one.type);
  return std::string(family);
}

Result<void> read_synth(const JsonReader& synth, GoldenSet& set) {
  OC_ASSIGN_OR_RETURN(const std::string shape, synth.string("shape"));
  OC_ASSIGN_OR_RETURN(const std::int64_t seed, synth.integer("seed", 0, std::int64_t{1} << 53));
  OC_ASSIGN_OR_RETURN(const JsonReader quant, synth.at("quant"));
  OC_ASSIGN_OR_RETURN(const json::object* variants, quant.object());
  const Architecture* const family = architecture_with_shape(shape);
  set.family = family != nullptr ? std::string(family->type) : shape;
  for (const auto& [variant, _] : *variants) {
    SynthOptions options;
    options.shape = shape;
    options.seed = static_cast<std::uint64_t>(seed);
    OC_ASSIGN_OR_RETURN(options.quant, quant.string(variant));
    set.checkpoints.push_back({std::string(variant), std::move(options)});
  }
  return {};
}

// What the sets before there was a second family say of theirs: nothing. Token ids alone may be of
// any.
std::string unnamed_family(const fs::path& folder) {
  return is_file(folder / "model/cases.json") || is_file(folder / "image/cases.json")
             ? std::string(architectures().front().type)
             : "";
}

// A folder that is gone with this object.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> make() {
    std::error_code error;
    fs::path parent = fs::temp_directory_path(error);
    std::string name = (parent / "ocellus-golden-XXXXXX").string();
    if (error || ::mkdtemp(name.data()) == nullptr)
      return Error{ErrorCode::kUnavailable,
                   fmt::format("no folder can be made in {}", error ? "TMPDIR" : parent.string()),
                   "TMPDIR names another place for temporary files"};
    return TemporaryFolder(name);
  }
  ~TemporaryFolder() { remove(); }
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;

  const fs::path& path() const { return path_; }
  void remove() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(std::exchange(path_, {}), ignored);
  }

 private:
  explicit TemporaryFolder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

// Its files are gone when it is loaded: a mapped file outlives its name.
Result<std::unique_ptr<const Model>> load_golden(const GoldenCheckpoint& checkpoint,
                                                 const std::shared_ptr<Engine>& engine) {
  if (!checkpoint.synth) return load_model(embedded_folder(), engine);
  OC_ASSIGN_OR_RETURN(const TemporaryFolder folder, TemporaryFolder::make());
  OC_RETURN_IF_ERROR(write_synth(folder.path(), *checkpoint.synth));
  return load_model(folder.path(), engine);
}

}  // namespace

Result<GoldenSet> open_golden_set(const fs::path& folder) {
  GoldenSet set{.folder = folder, .family = unnamed_family(folder), .checkpoints = {}};
  for (const char* part : {"model", "image"}) {
    const fs::path file = folder / part / "cases.json";
    if (!is_file(file)) continue;
    OC_ASSIGN_OR_RETURN(const json::object cases, read_json_object(file));
    const std::string name = file.string();
    const JsonReader reader(cases, name, kHint);
    if (!reader.has("info")) continue;
    OC_ASSIGN_OR_RETURN(const JsonReader info, reader.at("info"));
    if (info.has("family")) {
      OC_ASSIGN_OR_RETURN(const std::string family, info.string("family"));
      set.family = type_of(family);
    }
    if (info.has("synth")) {
      OC_ASSIGN_OR_RETURN(const JsonReader synth, info.at("synth"));
      OC_RETURN_IF_ERROR(read_synth(synth, set));
    }
    if (info.has("embedded_model")) {
      OC_ASSIGN_OR_RETURN(std::string variant, info.string("embedded_model"));
      set.checkpoints.push_back({std::move(variant), std::nullopt});
    }
    return set;
  }
  return set;
}

Result<std::vector<GoldenSet>> installed_golden_sets(std::string_view architecture) {
  std::vector<GoldenSet> out;
  const std::vector<fs::path> places = shared_places("OCELLUS_GOLDENS", "goldens", "tests/data");
  for (const fs::path& place : places) {
    std::vector<fs::path> folders;
    std::error_code error;
    for (fs::directory_iterator it(place, error), end; !error && it != end; it.increment(error))
      if (it->path().filename().string().starts_with("golden-")) folders.push_back(it->path());
    std::ranges::sort(folders);
    for (const fs::path& folder : folders) {
      OC_ASSIGN_OR_RETURN(GoldenSet set, open_golden_set(folder));
      if (set.family == architecture && !set.checkpoints.empty()) out.push_back(std::move(set));
    }
    if (!out.empty()) return out;
  }
  std::vector<std::string> looked;
  for (const fs::path& place : places) looked.push_back(place.string());
  return Error{
      ErrorCode::kNotFound,
      fmt::format("there is no golden data of {}: looked for golden-* in {}", architecture,
                  fmt::join(looked, ", ")),
      "`make install` puts it beside the program (share/ocellus/goldens); OCELLUS_GOLDENS "
      "names the folder that holds it, --goldens a set that was made with this very checkpoint"};
}

Result<void> check_golden_set(const GoldenSet& set, const Model& model) {
  const ModelInfo& info = model.info();
  const std::string hint = "without --goldens the golden data that comes with the program is taken";
  if (!set.family.empty() && set.family != info.architecture)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} is golden data of another family: of {}, and the model is {}",
                             set.folder.string(), set.family, info.architecture),
                 hint};
  const fs::path file = set.folder / "model/expect.safetensors";
  if (!is_file(file)) return {};
  OC_ASSIGN_OR_RETURN(const auto expected, SafetensorsFile::open(file));
  for (const TensorView& tensor : expected->tensors())
    if (tensor.name.ends_with(".logits_last") && tensor.shape.numel() != info.vocab_size)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} was made with another checkpoint: its vocabulary has {} tokens, "
                               "the model's {}",
                               set.folder.string(), tensor.shape.numel(), info.vocab_size),
                   hint};
  return {};
}

Result<std::vector<std::string>> recompute_golden_set(const GoldenSet& set,
                                                      const EngineOptions& options,
                                                      VerifyOptions verify, VerifyReport& report) {
  std::vector<std::string> fingerprints;
  for (const GoldenCheckpoint& checkpoint : set.checkpoints) {
    OC_ASSIGN_OR_RETURN(const std::shared_ptr<Engine> engine, make_engine(options));
    OC_ASSIGN_OR_RETURN(const std::unique_ptr<const Model> model, load_golden(checkpoint, engine));
    OC_RETURN_IF_ERROR(check_golden_set(set, *model));
    verify.rounding = rounding_of(*model);
    report.of_checkpoint(checkpoint.name);
    // Ids and pictures are the same for all of them.
    if (fingerprints.empty()) {
      for (const auto& part : {verify_text, verify_image}) {
        const auto done = part(set.folder, *model, verify, report);
        if (!done.ok()) return done.error();
      }
    }
    const auto done = verify_model(set.folder, *model, verify, report);
    if (!done.ok()) return done.error();
    fingerprints.push_back(model->info().fingerprint);
  }
  report.of_checkpoint("");
  return fingerprints;
}

}  // namespace oc
