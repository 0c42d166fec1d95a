#include "models/moondream/blueprint.h"

#include <fmt/format.h>

#include "models/moondream/config.h"
#include "models/moondream/plan.h"
#include "models/moondream/prompt.h"
#include "models/moondream/weights.h"

namespace oc {
namespace {

class MoondreamBlueprint final : public Blueprint {
 public:
  MoondreamBlueprint(MoondreamConfig config, MoondreamNames names)
      : config_(std::move(config)), names_(std::move(names)) {}

  std::vector<ExpectedTensor> tensors() const override {
    return moondream_tensors(config_, names_);
  }
  std::vector<ImageKnob> knobs() const override { return moondream_knobs(config_); }
  Result<ImagePlan> plan_image(int width, int height, const ImageOptions& options) const override {
    return plan_moondream_image(config_, width, height, options);
  }
  Result<Prompt> build_prompt(const Tokenizer& tokenizer, std::span<const Message> messages,
                              std::span<const ImagePlan> images,
                              const PromptOptions& options) const override {
    return build_moondream_prompt(tokenizer, config_, messages, images, options);
  }
  Result<ImageViews> preprocess(const Image& image, const ImagePlan& plan) const override {
    OC_ASSIGN_OR_RETURN(Crops crops, cut_crops(image, moondream_crop_plan(plan)));
    ImageViews views{.side = crops.plan.side,
                     .pixels = std::move(crops.pixels),
                     .mean = {0.5f, 0.5f, 0.5f},
                     .std = {0.5f, 0.5f, 0.5f},
                     .names = {"global"},
                     .sizes = {{"tiling", {crops.plan.rows, crops.plan.cols}}}};
    for (int row = 0; row < crops.plan.rows; ++row)
      for (int col = 0; col < crops.plan.cols; ++col)
        views.names.push_back(fmt::format("crop_{}_{}", row, col));
    return views;
  }

  std::vector<std::pair<std::string, std::string>> summary() const override {
    const MoondreamConfig& c = config_;
    const SiglipConfig& v = c.vision;
    const MoondreamRevision& revision = *c.revision.revision;
    return {
        {"revision",
         fmt::format("{}{} ({}){}", c.revision.assumed ? "assumed: " : "", revision.name,
                     c.revision.why,
                     revision.starmie ? "; not verified, there is no golden data" : "")},
        {"decoder",
         fmt::format("{} layers, width {}, {} heads of {}, mlp {}, vocabulary {}", c.layers,
                     c.hidden_size, c.heads, c.head_dim(), c.intermediate_size, c.vocab_size)},
        {"context", fmt::format("{} tokens, the first {} see each other both ways", c.max_positions,
                                c.prefix)},
        {"vision",
         fmt::format("{} layers, width {}, {} heads, mlp {}, {} pixels in patches of {}", v.layers,
                     v.hidden_size, v.heads, v.intermediate_size, v.image_size, v.patch_size)},
        {"pictures", fmt::format("{} tokens each, of a global view and up to {} crops",
                                 c.image_rows(), c.max_crops)},
        {"objects",
         names_.has_region ? "detect and point" : "none: the checkpoint has no region head"},
        {"white space", "ids of tokens for runs of spaces and tabs are not proven"}};
  }

  boost::json::object sizes() const override {
    const MoondreamConfig& c = config_;
    return {{"revision", c.revision.revision->name},
            {"revision_assumed", c.revision.assumed},
            {"hidden_size", c.hidden_size},
            {"layers", c.layers},
            {"heads", c.heads},
            {"head_dim", c.head_dim()},
            {"vocab_size", c.vocab_size},
            {"context_length", c.max_positions},
            {"vision", {{"hidden_size", c.vision.hidden_size}, {"layers", c.vision.layers}}},
            {"image_tokens", c.image_rows()},
            {"max_crops", c.max_crops},
            {"region", names_.has_region}};
  }

 private:
  MoondreamConfig config_;
  MoondreamNames names_;
};

}  // namespace

Result<std::unique_ptr<const Blueprint>> open_moondream(const std::filesystem::path& folder) {
  OC_ASSIGN_OR_RETURN(MoondreamConfig config, load_moondream_config(folder));
  // Names are the weights' own; where there are none yet, the hub's.
  const auto checkpoint = Checkpoint::open(folder);
  MoondreamNames names = checkpoint.ok() ? moondream_names(**checkpoint) : MoondreamNames();
  return std::unique_ptr<const Blueprint>(
      std::make_unique<MoondreamBlueprint>(std::move(config), std::move(names)));
}

}  // namespace oc
