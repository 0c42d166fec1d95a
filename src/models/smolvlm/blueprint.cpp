#include "models/smolvlm/blueprint.h"

#include <fmt/format.h>

#include "models/smolvlm/config.h"
#include "models/smolvlm/plan.h"
#include "models/smolvlm/prompt.h"
#include "models/smolvlm/weights.h"

namespace oc {
namespace {

class SmolVlmBlueprint final : public Blueprint {
 public:
  SmolVlmBlueprint(SmolVlmConfig config, SmolVlmNames names)
      : config_(std::move(config)), names_(std::move(names)) {}

  std::vector<ExpectedTensor> tensors() const override { return smolvlm_tensors(config_, names_); }
  std::vector<ImageKnob> knobs() const override { return smolvlm_knobs(config_); }
  std::optional<FrameRules> frames() const override { return smolvlm_frames(config_); }
  Result<ImagePlan> plan_image(int width, int height, const ImageOptions& options) const override {
    return plan_smolvlm_image(config_, width, height, options);
  }
  Result<Prompt> build_prompt(const Tokenizer& tokenizer, std::span<const Message> messages,
                              std::span<const ImagePlan> images,
                              const PromptOptions& options) const override {
    return build_smolvlm_prompt(tokenizer, config_.view_tokens(), messages, images, options);
  }
  Result<ImageViews> preprocess(const Image& image, const ImagePlan& plan) const override {
    OC_ASSIGN_OR_RETURN(Tiles tiles, cut_tiles(image, smolvlm_tile_plan(plan), config_.image));
    ImageViews views{.side = tiles.plan.tile,
                     .pixels = std::move(tiles.pixels),
                     .mean = config_.image.mean,
                     .std = config_.image.std,
                     .names = {},
                     .sizes = {{"rows", {tiles.plan.rows}}, {"cols", {tiles.plan.cols}}}};
    for (int row = 1; row <= tiles.plan.rows; ++row)
      for (int col = 1; col <= tiles.plan.cols; ++col)
        views.names.push_back(fmt::format("row_{}_col_{}", row, col));
    views.names.emplace_back("global");
    return views;
  }

  std::vector<std::pair<std::string, std::string>> summary() const override {
    const SmolVlmConfig& c = config_;
    const SiglipConfig& v = c.vision;
    return {
        {"decoder", fmt::format("{} layers, width {}, {} heads of {}, {} kv heads, mlp {}, "
                                "vocabulary {}",
                                c.layers, c.hidden_size, c.heads, c.head_dim, c.kv_heads,
                                c.intermediate_size, c.vocab_size)},
        {"context", fmt::format("{} tokens, rope theta {}", c.max_positions, c.rope_theta)},
        {"vision",
         fmt::format("{} layers, width {}, {} heads, mlp {}, {} pixels in patches of {}", v.layers,
                     v.hidden_size, v.heads, v.intermediate_size, v.image_size, v.patch_size)},
        {"views", fmt::format("{} tokens each; a picture's long side is brought to {}{}",
                              c.view_tokens(), c.image.longest_edge,
                              c.image.do_image_splitting ? " and cut into tiles" : ", not cut")}};
  }

  boost::json::object sizes() const override {
    const SmolVlmConfig& c = config_;
    return {{"hidden_size", c.hidden_size},
            {"layers", c.layers},
            {"heads", c.heads},
            {"kv_heads", c.kv_heads},
            {"head_dim", c.head_dim},
            {"vocab_size", c.vocab_size},
            {"context_length", c.max_positions},
            {"vision", {{"hidden_size", c.vision.hidden_size}, {"layers", c.vision.layers}}},
            {"view_tokens", c.view_tokens()},
            {"longest_edge", c.image.longest_edge},
            {"do_image_splitting", c.image.do_image_splitting ? 1 : 0}};
  }

 private:
  SmolVlmConfig config_;
  SmolVlmNames names_;
};

}  // namespace

Result<std::unique_ptr<const Blueprint>> open_smolvlm(const std::filesystem::path& folder) {
  OC_ASSIGN_OR_RETURN(SmolVlmConfig config, load_smolvlm_config(folder));
  // Names are the weights' own; where there are none yet, Hugging Face's.
  const auto checkpoint = Checkpoint::open(folder);
  SmolVlmNames names = checkpoint.ok() ? smolvlm_names(**checkpoint) : SmolVlmNames();
  return std::unique_ptr<const Blueprint>(
      std::make_unique<SmolVlmBlueprint>(std::move(config), std::move(names)));
}

}  // namespace oc
