#include "models/moondream/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "models/moondream/plan.h"

namespace oc {
namespace {

class MoondreamImageEncoding final : public ImageEncoding {
 public:
  MoondreamImageEncoding(Engine& engine, const MoondreamConfig& config,
                         const MoondreamWeights& weights, Crops crops, std::optional<Tap> tap)
      : engine_(engine),
        config_(config),
        weights_(weights),
        crops_(std::move(crops)),
        tap_(std::move(tap)),
        views_(crops_.plan.one_crop() ? 1 : crops_.plan.views()) {}

  bool done() const override { return !result_.empty(); }

  void step() override {
    OC_CHECK(!done(), "image already encoded");
    const auto side = static_cast<std::size_t>(crops_.plan.side), size = 3 * side * side;
    Tensor features = siglip_features(  // [P, C]
        engine_, config_.vision, weights_.vision,
        std::span(crops_.pixels).subspan(static_cast<std::size_t>(view_) * size, size),
        tap_ ? &*tap_ : nullptr, fmt::format("vision.{}.", view_));
    if (view_ == 0) {
      engine_.settle(features);
      global_ = std::move(features);
    } else {
      place(features, view_ - 1);
    }
    if (++view_ == views_) finish();
  }

  double resize_ms() const override { return crops_.resize_ms; }
  Tensor result() override {
    OC_CHECK(done(), "image not encoded yet");
    return result_;
  }

 private:
  int inner() const { return config_.vision.grid() - 2 * config_.overlap_margin; }
  int grid_height() const { return crops_.plan.rows * inner() + 2 * config_.overlap_margin; }
  int grid_width() const { return crops_.plan.cols * inner() + 2 * config_.overlap_margin; }

  // A crop's features into the grid: all but the margins that its neighbours have, too.
  // (moondream/torch/image_crops.py, reconstruct_from_crops)
  void place(const Tensor& features, int crop) {
    const int g = config_.vision.grid(), m = config_.overlap_margin;
    const int row = crop / crops_.plan.cols, col = crop % crops_.plan.cols;
    const auto c = static_cast<std::size_t>(features.cols());
    std::vector<float> values(static_cast<std::size_t>(features.rows()) * c);
    engine_.read(features, values);
    grid_.resize(static_cast<std::size_t>(grid_height() * grid_width()) * c);
    const int left = col == 0 ? 0 : m, right = col == crops_.plan.cols - 1 ? g : g - m;
    const int top = row == 0 ? 0 : m, bottom = row == crops_.plan.rows - 1 ? g : g - m;
    for (int y = top; y < bottom; ++y) {
      const auto from = static_cast<std::size_t>(y * g + left);
      const auto to =
          static_cast<std::size_t>((row * inner() + y) * grid_width() + col * inner() + left);
      std::copy_n(values.data() + from * c, static_cast<std::size_t>(right - left) * c,
                  grid_.data() + to * c);
    }
  }

  void finish() {
    const std::int64_t p = config_.vision.patches(), c = config_.vision.hidden_size;
    Tensor pooled = global_;  // of the only crop, which is the same
    if (views_ > 1)
      pooled = engine_.upload(
          pool_features(grid_, grid_height(), grid_width(), c, config_.vision.grid()), p, c);
    grid_ = {};
    if (tap_) (*tap_)("vision.pooled", pooled);
    std::vector<std::int64_t> rows;  // each patch twice: of the global view, of the pooled ones
    for (std::int64_t patch = 0; patch < p; ++patch) {
      rows.push_back(patch);
      rows.push_back(p + patch);
    }
    const std::vector<Tensor> both = {std::move(global_), std::move(pooled)};
    result_ = moondream_mlp(engine_, weights_.projection, engine_.gather(both, rows, 2));  // [P, D]
    engine_.settle(result_);
    if (tap_) (*tap_)("image.embeds", result_);
    crops_.pixels = {};
  }

  Engine& engine_;
  const MoondreamConfig& config_;
  const MoondreamWeights& weights_;
  Crops crops_;
  std::optional<Tap> tap_;
  const int views_;          // that the tower gets
  int view_ = 0;             // the next one
  Tensor global_;            // [P, C]
  std::vector<float> grid_;  // features of the crops so far, [height · width, C]
  Tensor result_;
};

}  // namespace

Result<std::unique_ptr<ImageEncoding>> begin_moondream_image(
    Engine& engine, const MoondreamConfig& config, const MoondreamWeights& weights,
    const Image& image, const ImagePlan& plan, const Tap* tap, const Interrupt& interrupt) {
  OC_ASSIGN_OR_RETURN(Crops crops, cut_crops(image, moondream_crop_plan(plan), interrupt));
  return std::unique_ptr<ImageEncoding>(std::make_unique<MoondreamImageEncoding>(
      engine, config, weights, std::move(crops),
      tap != nullptr ? std::optional(*tap) : std::nullopt));
}

Tensor moondream_mlp(Engine& engine, const MoondreamMlp& mlp, Tensor x) {
  Tensor hidden = engine.linear(std::move(x), *mlp.fc1, {.activation = Activation::kGeluTanh});
  return engine.linear(std::move(hidden), *mlp.fc2, {});
}

std::vector<float> pool_features(const std::vector<float>& grid, int height, int width,
                                 std::int64_t channels, int side) {
  const auto c = static_cast<std::size_t>(channels);
  std::vector<float> out(static_cast<std::size_t>(side * side) * c);
  for (int i = 0; i < side; ++i)
    for (int j = 0; j < side; ++j) {
      const int top = i * height / side, bottom = ((i + 1) * height + side - 1) / side;
      const int left = j * width / side, right = ((j + 1) * width + side - 1) / side;
      float* to = out.data() + static_cast<std::size_t>(i * side + j) * c;
      for (int y = top; y < bottom; ++y)
        for (int x = left; x < right; ++x) {
          const float* from = grid.data() + static_cast<std::size_t>(y * width + x) * c;
          for (std::size_t k = 0; k < c; ++k) to[k] += from[k];
        }
      const auto count = static_cast<float>((bottom - top) * (right - left));
      for (std::size_t k = 0; k < c; ++k) to[k] /= count;
    }
  return out;
}

}  // namespace oc
