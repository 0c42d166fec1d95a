#include "models/phi3v/blueprint.h"

#include <fmt/format.h>

#include "models/phi3v/config.h"
#include "models/phi3v/plan.h"
#include "models/phi3v/prompt.h"
#include "models/phi3v/weights.h"

namespace oc {
namespace {

class Phi3VBlueprint final : public Blueprint {
 public:
  explicit Phi3VBlueprint(Phi3VConfig config) : config_(std::move(config)) {}

  std::vector<ExpectedTensor> tensors() const override { return phi3v_tensors(config_); }
  std::vector<ImageKnob> knobs() const override { return phi3v_knobs(config_); }
  Result<ImagePlan> plan_image(int width, int height, const ImageOptions& options) const override {
    return plan_phi3v_image(config_, width, height, options);
  }
  Result<Prompt> build_prompt(const Tokenizer& tokenizer, std::span<const Message> messages,
                              std::span<const ImagePlan> images,
                              const PromptOptions& options) const override {
    return build_phi3v_prompt(tokenizer, messages, images, options);
  }
  Result<ImageViews> preprocess(const Image& image, const ImagePlan& plan) const override {
    const HdParams params = phi3v_hd_params(config_, plan);
    OC_ASSIGN_OR_RETURN(HdTiles tiles, hd_transform(image, params));
    const HdPlan& hd = tiles.plan;
    ImageViews views{.side = tiles.crop_size,
                     .pixels = std::move(tiles.pixels),
                     .mean = params.mean,
                     .std = params.std,
                     .names = {"global"},
                     .sizes = {{"image_sizes", {hd.canvas_height, hd.canvas_width}}}};
    for (int row = 0; row < hd.crops_h; ++row)
      for (int col = 0; col < hd.crops_w; ++col)
        views.names.push_back(fmt::format("crop_{}_{}", row, col));
    return views;
  }

  std::vector<std::pair<std::string, std::string>> summary() const override {
    const Phi3VConfig& c = config_;
    const ClipConfig& v = c.vision;
    return {
        {"decoder", fmt::format("{} layers, width {}, {} heads of {}, {} kv heads, mlp {}, "
                                "vocabulary {}",
                                c.layers, c.hidden_size, c.heads, c.head_dim, c.kv_heads,
                                c.intermediate_size, c.vocab_size)},
        {"context", fmt::format("{} tokens, short rope factors up to {}", c.max_positions,
                                c.original_max_positions)},
        {"vision", fmt::format("{} layers (one unused), width {}, {} heads, mlp {}, {} pixels in "
                               "patches of {}",
                               v.layers, v.hidden_size, v.heads, v.intermediate_size, v.image_size,
                               v.patch_size)},
        {"crops", fmt::format("{} by default, {} image tokens a crop", c.hd.num_crops,
                              c.merged() * c.merged())}};
  }

  boost::json::object sizes() const override {
    const Phi3VConfig& c = config_;
    return {{"hidden_size", c.hidden_size},
            {"layers", c.layers},
            {"heads", c.heads},
            {"head_dim", c.head_dim},
            {"vocab_size", c.vocab_size},
            {"context_length", c.max_positions},
            {"vision", {{"hidden_size", c.vision.hidden_size}, {"layers", c.vision.layers}}},
            {"num_crops", c.hd.num_crops}};
  }

 private:
  Phi3VConfig config_;
};

}  // namespace

Result<std::unique_ptr<const Blueprint>> open_phi3v(const std::filesystem::path& folder) {
  OC_ASSIGN_OR_RETURN(Phi3VConfig config, load_phi3v_config(folder));
  return std::unique_ptr<const Blueprint>(std::make_unique<Phi3VBlueprint>(std::move(config)));
}

}  // namespace oc
