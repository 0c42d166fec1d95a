#include "models/smolvlm/image.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "models/smolvlm/plan.h"

namespace oc {
namespace {

// Pixel shuffle: s x s patches side by side become one token, row by row, as do the tokens.
// (modeling_smolvlm.py, SmolVLMConnector: pixel_shuffle)
std::vector<std::int64_t> shuffled_patches(int grid, int s) {
  std::vector<std::int64_t> rows;
  for (int token_y = 0; token_y < grid / s; ++token_y)
    for (int token_x = 0; token_x < grid / s; ++token_x)
      for (int dy = 0; dy < s; ++dy)
        for (int dx = 0; dx < s; ++dx)
          rows.push_back(std::int64_t{s * token_y + dy} * grid + s * token_x + dx);
  return rows;
}

class SmolVlmImageEncoding final : public ImageEncoding {
 public:
  SmolVlmImageEncoding(Engine& engine, const SmolVlmConfig& config, const SmolVlmWeights& weights,
                       Tiles tiles, std::optional<Tap> tap)
      : engine_(engine),
        config_(config),
        weights_(weights),
        tiles_(std::move(tiles)),
        tap_(std::move(tap)),
        patches_(shuffled_patches(config.vision.grid(), config.scale_factor)) {}

  bool done() const override { return !result_.empty(); }

  void step() override {
    OC_CHECK(!done(), "image already encoded");
    const std::size_t view = embeds_.size();
    const auto side = static_cast<std::size_t>(tiles_.plan.tile), size = 3 * side * side;
    const int s = config_.scale_factor;
    Tensor x = siglip_features(engine_, config_.vision, weights_.vision,
                               std::span(tiles_.pixels).subspan(view * size, size),
                               tap_ ? &*tap_ : nullptr, fmt::format("vision.{}.", view));  // [P, C]
    x = engine_.gather(std::span(&x, 1), patches_, s * s);  // [P/s², s²·C]
    embeds_.push_back(engine_.linear(std::move(x), *weights_.projection, {}));
    engine_.settle(embeds_.back());
    if (embeds_.size() == static_cast<std::size_t>(tiles_.plan.views())) finish();
  }

  double resize_ms() const override { return tiles_.resize_ms; }
  Tensor result() override {
    OC_CHECK(done(), "image not encoded yet");
    return result_;
  }

 private:
  void finish() {
    result_ = join_rows(engine_, embeds_);
    embeds_.clear();
    engine_.settle(result_);
    if (tap_) (*tap_)("image.embeds", result_);
    tiles_.pixels = {};
  }

  Engine& engine_;
  const SmolVlmConfig& config_;
  const SmolVlmWeights& weights_;
  Tiles tiles_;
  std::optional<Tap> tap_;
  const std::vector<std::int64_t> patches_;
  std::vector<Tensor> embeds_;  // of the views so far, [P/s², D] each
  Tensor result_;
};

}  // namespace

Result<std::unique_ptr<ImageEncoding>> begin_smolvlm_image(
    Engine& engine, const SmolVlmConfig& config, const SmolVlmWeights& weights, const Image& image,
    const ImagePlan& plan, const Tap* tap, const Interrupt& interrupt) {
  OC_ASSIGN_OR_RETURN(Tiles tiles,
                      cut_tiles(image, smolvlm_tile_plan(plan), config.image, interrupt));
  return std::unique_ptr<ImageEncoding>(
      std::make_unique<SmolVlmImageEncoding>(engine, config, weights, std::move(tiles),
                                             tap != nullptr ? std::optional(*tap) : std::nullopt));
}

}  // namespace oc
