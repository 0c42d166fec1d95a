#include "models/moondream/region.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "models/moondream/image.h"

namespace oc {
namespace {

class MoondreamObjects final : public ObjectDecoding {
 public:
  MoondreamObjects(Engine& engine, const MoondreamConfig& config, const MoondreamRegion& region,
                   const Task& task, const ObjectOptions& options)
      : engine_(engine),
        config_(config),
        region_(region),
        revision_(options.revision.empty() ? *config.revision.revision
                                           : *moondream_revision(options.revision)),
        boxes_(std::holds_alternative<DetectTask>(task)),
        max_objects_(max_objects(task)),
        past_end_(options.past_end),
        tap_(options.tap) {}

  std::span<const FoundObject> objects() const override { return objects_; }
  std::optional<TokenId> stop_token() const override { return stop_token_; }
  bool wants_logits() const override { return next_ == Next::kObject; }

  // x, y and, of a box, its size are a position each; behind each object the model says, as the
  // next token, whether it has seen all.
  Result<Tensor> next(std::span<const float> logits, const Tensor& hidden) override {
    switch (next_) {
      case Next::kObject:
        return begin_object(logits, hidden);
      case Next::kY:
        return y(hidden);
      case Next::kSize:
        return size(hidden);
    }
    return Tensor{};
  }

 private:
  enum class Next { kObject, kY, kSize };

  Result<Tensor> begin_object(std::span<const float> logits, const Tensor& hidden) {
    const auto best = std::ranges::max_element(logits) - logits.begin();
    if (!past_end_ && best == config_.prompts.eos) {
      stop_token_ = config_.prompts.eos;
      return Tensor{};
    }
    if (std::ssize(objects_) >= max_objects_) return Tensor{};
    object_ = {};
    OC_ASSIGN_OR_RETURN(object_.x, coordinate(hidden, "objects.x_logits"));
    next_ = Next::kY;
    return embed_coordinate(object_.x, "objects.x_embed");
  }

  Result<Tensor> y(const Tensor& hidden) {
    OC_ASSIGN_OR_RETURN(object_.y, coordinate(hidden, "objects.y_logits"));
    next_ = boxes_ ? Next::kSize : Next::kObject;
    if (!boxes_) objects_.push_back(object_);
    return embed_coordinate(object_.y, "objects.y_embed");
  }

  void show(std::string_view name, const Tensor& tensor) const {
    if (tap_ != nullptr) (*tap_)(name, tensor);
  }

  Result<std::vector<float>> decode(const Tensor& hidden, const MoondreamMlp& decoder,
                                    std::string_view name) const {
    const Tensor logits = moondream_mlp(engine_, decoder, hidden);
    show(name, logits);
    std::vector<float> values(static_cast<std::size_t>(logits.cols()));
    engine_.read(logits, values);
    for (const float value : values)
      if (!std::isfinite(value))
        return Error{ErrorCode::kInternal,
                     fmt::format("the region head gave {} in {}", value, name),
                     "the checkpoint may be damaged: `ocellus verify` compares it with goldens"};
    return values;
  }
  static std::int64_t best_of(std::span<const float> bins) {
    return std::ranges::max_element(bins) - bins.begin();
  }

  Result<double> coordinate(const Tensor& hidden, std::string_view name) const {
    OC_ASSIGN_OR_RETURN(const std::vector<float> bins, decode(hidden, region_.coord_decoder, name));
    return static_cast<double>(best_of(bins)) / static_cast<double>(config_.coord_bins);
  }

  // Fourier features [cos f | sin f], f = 2π · (values · features).
  Tensor fourier(std::span<const double> values, const std::vector<float>& features) const {
    const std::size_t count = features.size() / values.size();
    std::vector<float> row(2 * count);
    for (std::size_t i = 0; i < count; ++i) {
      float f = 0;
      for (std::size_t k = 0; k < values.size(); ++k)
        f +=
            2 * std::numbers::pi_v<float> * static_cast<float>(values[k]) * features[k * count + i];
      row[i] = std::cos(f);
      row[count + i] = std::sin(f);
    }
    return engine_.upload(row, 1, static_cast<std::int64_t>(row.size()));
  }

  Tensor embed_coordinate(double value, std::string_view name) const {
    Tensor embed =
        engine_.linear(fourier({&value, 1}, region_.coord_features), *region_.coord_encoder, {});
    show(name, embed);
    return embed;
  }

  Result<Tensor> size(const Tensor& hidden) {
    OC_ASSIGN_OR_RETURN(const std::vector<float> bins,
                        decode(hidden, region_.size_decoder, "objects.size_logits"));
    const auto half = static_cast<std::size_t>(config_.size_bins);
    const auto size_of = [&](std::span<const float> logits) {
      return moondream_size_of_bin(revision_, best_of(logits), config_.size_bins);
    };
    const double sizes[] = {size_of(std::span(bins).first(half)),
                            size_of(std::span(bins).subspan(half))};
    object_.width = sizes[0];
    object_.height = sizes[1];
    objects_.push_back(object_);
    next_ = Next::kObject;
    Tensor embed = engine_.linear(fourier(sizes, region_.size_features), *region_.size_encoder, {});
    show("objects.size_embed", embed);
    return embed;
  }

  Engine& engine_;
  const MoondreamConfig& config_;
  const MoondreamRegion& region_;
  const MoondreamRevision& revision_;
  const bool boxes_;
  const int max_objects_;
  const bool past_end_;
  const Tap* tap_;
  Next next_ = Next::kObject;
  FoundObject object_;  // the one being found
  std::vector<FoundObject> objects_;
  std::optional<TokenId> stop_token_;
};

}  // namespace

std::unique_ptr<ObjectDecoding> begin_moondream_objects(Engine& engine,
                                                        const MoondreamConfig& config,
                                                        const MoondreamRegion& region,
                                                        const Task& task,
                                                        const ObjectOptions& options) {
  return std::make_unique<MoondreamObjects>(engine, config, region, task, options);
}

double moondream_size_of_bin(const MoondreamRevision& revision, std::int64_t bin,
                             std::int64_t bins) {
  const auto of = static_cast<double>(bin);
  if (!revision.logarithmic_sizes) return of / static_cast<double>(bins);
  return std::exp2(of / static_cast<double>(bins - 1) * 10 - 10);
}

}  // namespace oc
