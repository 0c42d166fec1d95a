#include "models/phi3v/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "models/blocks/clip.h"
#include "models/phi3v/plan.h"

namespace oc {
namespace {

// Where the rows of an image come from: `merged` lists 2×2 patches (rows through all views, four
// for each token), `order` the final sequence over (merged tokens, sub_GN, glb_GN).
struct MergePlan {
  std::vector<std::int64_t> merged;  // [tokens without separators, 4]
  std::vector<std::int64_t> order;   // [tokens]
};

// image_embedding: hd_feature_transform, order "sub_glb": the crops side by side as one big grid, a
// separator after each row; a separator between; the global view likewise. Channels of a merged
// token are (dy, dx, C).
MergePlan plan_merge(const Phi3VConfig& config, int crops_h, int crops_w) {
  const int grid = config.vision.grid(), g = config.merged();
  const std::int64_t view_rows = config.vision.rows();
  MergePlan plan;
  std::vector<std::int64_t> separators_after;  // merged tokens so far at the end of each row
  const auto add_token = [&](int view, int row, int col) {
    for (int dy = 0; dy < 2; ++dy)
      for (int dx = 0; dx < 2; ++dx)
        plan.merged.push_back(view * view_rows + 1 + std::int64_t{2 * row + dy} * grid +
                              (2 * col + dx));
  };
  const auto add_grid = [&](int first_view, int h, int w) {
    for (int row = 0; row < h * g; ++row) {
      for (int col = 0; col < w * g; ++col)
        add_token(first_view + (row / g) * w + col / g, row % g, col % g);
      separators_after.push_back(static_cast<std::int64_t>(plan.merged.size() / 4));
    }
  };
  add_grid(1, crops_h, crops_w);  // views: global first, then crops row-major
  const auto between = separators_after.size();
  add_grid(0, 1, 1);

  const auto tokens = static_cast<std::int64_t>(plan.merged.size() / 4);
  const std::int64_t sub_gn = tokens, glb_gn = tokens + 1;
  std::int64_t next = 0;
  for (std::size_t i = 0; i < separators_after.size(); ++i) {
    if (i == between) plan.order.push_back(glb_gn);
    while (next < separators_after[i]) plan.order.push_back(next++);
    plan.order.push_back(sub_gn);
  }
  return plan;
}

class Phi3VImageEncoding final : public ImageEncoding {
 public:
  Phi3VImageEncoding(Engine& engine, const Phi3VConfig& config, const Phi3VWeights& weights,
                     HdTiles tiles, std::optional<Tap> tap)
      : engine_(engine),
        config_(config),
        weights_(weights),
        tiles_(std::move(tiles)),
        tap_(std::move(tap)) {}

  bool done() const override { return !result_.empty(); }

  void step() override {
    OC_CHECK(!done(), "image already encoded");
    const std::size_t view = views_.size();
    if (view > 0 && same_pixels(0, view)) {
      views_.push_back(views_[0]);  // one crop that fills its canvas equals its global view
    } else {
      views_.push_back(clip_hidden(engine_, config_.vision, weights_.clip, pixels(view),
                                   tap_ ? &*tap_ : nullptr, fmt::format("vision.{}.", view)));
      engine_.settle(views_.back());
    }
    if (views_.size() == static_cast<std::size_t>(tiles_.views())) finish();
  }

  double resize_ms() const override { return tiles_.resize_ms; }
  Tensor result() override {
    OC_CHECK(done(), "image not encoded yet");
    return result_;
  }

 private:
  std::span<const float> pixels(std::size_t view) const {
    const auto side = static_cast<std::size_t>(tiles_.crop_size);
    const std::size_t size = 3 * side * side;
    return std::span(tiles_.pixels).subspan(view * size, size);
  }
  bool same_pixels(std::size_t a, std::size_t b) const {
    return std::ranges::equal(pixels(a), pixels(b));
  }
  void finish() {
    const MergePlan plan = plan_merge(config_, tiles_.plan.crops_h, tiles_.plan.crops_w);
    Tensor merged = engine_.gather(views_, plan.merged, 4);  // [n, 4C]
    views_.clear();
    const Tensor sources[] = {std::move(merged), weights_.sub_GN, weights_.glb_GN};
    Tensor x = engine_.gather(sources, plan.order, 1);  // [tokens, 4C]
    x = engine_.linear(std::move(x), *weights_.img_projection_0, {.activation = Activation::kGelu});
    result_ = engine_.linear(std::move(x), *weights_.img_projection_2, {});  // [tokens, D]
    engine_.settle(result_);
    if (tap_) (*tap_)("image.embeds", result_);
    tiles_.pixels = {};
  }

  Engine& engine_;
  const Phi3VConfig& config_;
  const Phi3VWeights& weights_;
  HdTiles tiles_;
  std::optional<Tap> tap_;
  std::vector<Tensor> views_;  // hidden states so far, [P+1, C] each
  Tensor result_;
};

}  // namespace

Result<std::unique_ptr<ImageEncoding>> begin_phi3v_image(Engine& engine, const Phi3VConfig& config,
                                                         const Phi3VWeights& weights,
                                                         const Image& image, const ImagePlan& plan,
                                                         const Tap* tap,
                                                         const Interrupt& interrupt) {
  OC_ASSIGN_OR_RETURN(HdTiles tiles, hd_transform(image, phi3v_hd_params(config, plan), interrupt));
  OC_CHECK(tiles.views() == plan.views, "planned {} views, got {}", plan.views, tiles.views());
  return std::unique_ptr<ImageEncoding>(
      std::make_unique<Phi3VImageEncoding>(engine, config, weights, std::move(tiles),
                                           tap != nullptr ? std::optional(*tap) : std::nullopt));
}

}  // namespace oc
