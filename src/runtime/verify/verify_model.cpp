#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>

#include "io/checkpoint.h"
#include "io/json.h"
#include "runtime/prefill_chunk.h"
#include "runtime/verify/expect.h"
#include "runtime/verify/verify.h"
#include "runtime/verify/verify_objects.h"

namespace oc {
namespace {

namespace json = boost::json;

using Values = std::vector<float>;

Values read_all(Engine& engine, const Tensor& tensor) {
  Values out(static_cast<std::size_t>(tensor.rows() * tensor.cols()));
  engine.read(tensor, out);
  return out;
}

std::span<const float> row_of(std::span<const float> values, std::size_t width, std::size_t row) {
  return values.subspan(row * width, width);
}

// One case of model/cases.json on one set of weights.
class ModelCase {
 public:
  ModelCase(const json::object& c, std::string variant, const json::object& info,
            const Model& model, const Expectations& expect, const VerifyOptions& options,
            VerifyReport& report)
      : case_(c),
        variant_(c.at("variants").at(variant).as_object()),
        info_(info),
        at_(c.at("name").as_string()),
        prefix_(fmt::format("{}.{}.", at_, variant)),
        model_(model),
        engine_(model.engine()),
        expect_(expect),
        options_(options),
        limits_(golden_limits(model)),
        report_(report) {}

  // Mean of rms(difference)/std over the positions and the last one, for the average over cases.
  double mean_rms() const { return rms_count_ > 0 ? rms_sum_ / rms_count_ : 0; }

  Result<void> run(const std::filesystem::path& image_folder) {
    OC_RETURN_IF_ERROR(encode(image_folder));
    OC_ASSIGN_OR_RETURN(const std::vector<Message> messages, golden_messages(case_.at("messages")));
    const std::optional<Task> task = golden_task(case_, kMaxObjects);
    OC_ASSIGN_OR_RETURN(Prompt prompt, model_.build_prompt(messages, plans_,
                                                           {.trusted_text = true,
                                                            .task = task ? &*task : nullptr,
                                                            .revision = golden_revision(case_)}));
    const bool same = golden_ids(prompt) == case_.at("ids").as_array();
    report_.equal("model.ids", at_, same, "other ids");
    if (!same) return {};  // every later stage would differ for this reason
    ids_ = std::move(prompt.ids);
    blocks_ = std::move(prompt.blocks);
    kv_ = model_.make_sequence();
    prefill_with_taps();
    decode();
    if (variant_.contains("objects") && model_.info().tasks.detect)
      verify_objects(
          {.golden_case = case_, .variant = variant_, .info = info_, .at = at_, .prefix = prefix_},
          model_, *kv_, last_logits_, last_hidden_, expect_, limits_, rounded(), report_);
    return {};
  }

 private:
  bool rounded() const { return options_.rounding != Rounding::kNone; }
  // A cache has no part in pictures.
  bool rounded_images() const {
    return options_.rounding == Rounding::kInt8Activations ||
           options_.rounding == Rounding::kF16Activations ||
           options_.rounding == Rounding::kBf16Activations;
  }

  // Differences of a stage: judged with float32 arithmetic, shown if `rounded`.
  void compare(std::string_view stage, std::span<const float> got, std::string_view name,
               double limit, bool rounded) {
    const Values expected = expect_.find(prefix_ + std::string(name));
    if (expected.empty()) return;
    const double difference = largest_difference(got, expected);
    if (rounded && std::isfinite(difference))
      report_.figure(stage, at_, difference);
    else
      report_.difference(stage, at_, difference, limit);
  }

  // Logits of one or several positions: absolute with float32 arithmetic, rms over std otherwise.
  void compare_logits(std::string_view stage, std::span<const float> got,
                      std::span<const float> expected, bool judge_rms) {
    if (expected.empty()) return;
    if (!rounded() || got.size() != expected.size()) {
      report_.difference(stage, at_, largest_difference(got, expected), limits_.logits);
      return;
    }
    double square = 0, sum = 0, sum_square = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      square += (got[i] - expected[i]) * (got[i] - expected[i]);
      sum += expected[i];
      sum_square += static_cast<double>(expected[i]) * expected[i];
    }
    const auto n = static_cast<double>(got.size());
    const double deviation = std::sqrt(sum_square / n - (sum / n) * (sum / n));
    const double rms = std::sqrt(square / n) / deviation;
    if (judge_rms) {
      report_.difference(stage, at_, rms, rms_limits(options_.rounding).one);
      rms_sum_ += rms;
      ++rms_count_;
    } else {
      report_.figure(stage, at_, rms);
    }
  }

  Result<void> encode(const std::filesystem::path& folder) {
    Values features, embeds_sampled, embeds_all, layers;
    std::vector<Tensor> embeds;
    for (const json::value& name : case_.at("images").as_array()) {
      OC_ASSIGN_OR_RETURN(const std::string bytes,
                          read_file(folder / std::string_view(name.as_string()), 64u << 20));
      ImageLimits limits;
      limits.max_aspect = 1 << 20;
      OC_ASSIGN_OR_RETURN(const Image image, decode_image(std::as_bytes(std::span(bytes)), limits,
                                                          {}, ImageReading::as_reference()));
      OC_ASSIGN_OR_RETURN(
          ImagePlan plan,
          model_.plan_image(image.width, image.height,
                            golden_options(case_, model_).value_or(ImageOptions())));
      std::map<std::string, Values, std::less<>> seen;
      const Tap tap = [&](std::string_view tap_name, const Tensor& value) {
        seen.emplace(tap_name, read_all(engine_, value));
        width_[std::string(tap_name)] = static_cast<std::size_t>(value.cols());
      };
      OC_ASSIGN_OR_RETURN(std::unique_ptr<ImageEncoding> encoding,
                          model_.begin_image(image, plan, &tap));
      while (!encoding->done()) encoding->step();
      embeds.push_back(encoding->result());
      collect_features(seen, plan.views, features);
      if (plans_.empty()) collect_layers(seen, layers);
      if (plans_.empty()) compare_pooled(seen);
      const Values rows = read_all(engine_, embeds.back());
      embeds_all.insert(embeds_all.end(), rows.begin(), rows.end());
      plans_.push_back(std::move(plan));
    }
    if (embeds.empty()) return {};
    image_rows_ = model_.join_images(embeds);
    compare("model.clip_features", features, "clip_features", limits_.features, rounded_images());
    compare_layers(layers);
    const auto width = static_cast<std::size_t>(image_rows_.cols());
    const auto step = case_.at("image_embed_step").to_number<std::size_t>();
    for (std::size_t row = 0; row * width < embeds_all.size(); row += step) {
      const auto values = row_of(embeds_all, width, row);
      embeds_sampled.insert(embeds_sampled.end(), values.begin(), values.end());
    }
    compare("model.image_embeds", embeds_sampled, "image_embeds", limits_.image_embeds,
            rounded_images());
    return {};
  }

  // Of families that bring the features of several views together before they project them.
  void compare_pooled(const std::map<std::string, Values, std::less<>>& seen) {
    constexpr std::size_t kStep = 27;
    const auto pooled = seen.find("vision.pooled");
    if (pooled == seen.end()) return;
    const std::size_t width = width_.at("vision.pooled");
    Values sampled;
    for (std::size_t row = 0; row * width < pooled->second.size(); row += kStep) {
      const auto values = row_of(pooled->second, width, row);
      sampled.insert(sampled.end(), values.begin(), values.end());
    }
    compare("model.clip_pooled", sampled, "clip_pooled", limits_.features, rounded_images());
  }

  static int last_hidden(const std::map<std::string, Values, std::less<>>& seen) {
    int last = 0;
    while (seen.contains(fmt::format("vision.0.hidden{}", last + 1))) ++last;
    return last;
  }

  // Patch tokens of what the vision part goes on with, the last hidden state where there is no
  // tap for it, sampled as in clip_features.
  void collect_features(const std::map<std::string, Values, std::less<>>& seen, int views,
                        Values& features) {
    const auto step = case_.at("clip_token_step").to_number<std::size_t>();
    const std::string tap = seen.contains("vision.0.features")
                                ? std::string("features")
                                : fmt::format("hidden{}", last_hidden(seen));
    for (int view = 0; view < views; ++view) {
      auto found = seen.find(fmt::format("vision.{}.{}", view, tap));
      // A view with the first one's pixels is not computed again.
      if (found == seen.end()) found = seen.find("vision.0." + tap);
      const std::size_t width = width_.at("vision.0." + tap);
      const auto first = static_cast<std::size_t>(model_.info().class_tokens);
      for (std::size_t row = first; row < found->second.size() / width; row += step) {
        const auto values = row_of(found->second, width, row);
        features.insert(features.end(), values.begin(), values.end());
      }
    }
  }

  void collect_layers(const std::map<std::string, Values, std::less<>>& seen, Values& layers) {
    const json::value* const view = case_.if_contains("clip_layer_view");
    const int number = view != nullptr ? view->to_number<int>() : 0;
    for (int layer = 0; layer <= last_hidden(seen); ++layer) {
      const Values& hidden = seen.at(fmt::format("vision.{}.hidden{}", number, layer));
      const std::size_t width = width_.at("vision.0.hidden0");
      for (const double token : numbers(case_.at("clip_layer_tokens"))) {
        const auto values = row_of(hidden, width, static_cast<std::size_t>(token));
        layers.insert(layers.end(), values.begin(), values.end());
      }
    }
  }

  // The expectation may also hold a last layer that is never computed here.
  void compare_layers(std::span<const float> layers) {
    const Values expected = expect_.find(prefix_ + "clip_layers");
    if (expected.size() < layers.size()) return;
    const double difference = largest_difference(layers, std::span(expected).first(layers.size()));
    if (rounded_images())
      report_.figure("model.clip_layers", at_, difference);
    else
      report_.difference("model.clip_layers", at_, difference, limits_.vision_layers);
  }

  // Runs all ids that the cache does not hold; logits of the rows in `wanted` (absolute positions).
  std::vector<Values> prefill(const std::vector<std::int64_t>& wanted, const Tap* tap) {
    const int regime = model_.position_regime(static_cast<std::int64_t>(ids_.size()));
    std::vector<Values> logits;
    for (auto begin = static_cast<std::size_t>(kv_->length()); begin < ids_.size();) {
      const auto end = static_cast<std::size_t>(
          end_of_step(blocks_, static_cast<std::int64_t>(begin), kPrefillChunk,
                      static_cast<std::int64_t>(ids_.size())));
      std::vector<std::int64_t> rows;
      for (const std::int64_t position : wanted)
        if (position >= static_cast<std::int64_t>(begin) &&
            position < static_cast<std::int64_t>(end))
          rows.push_back(position - static_cast<std::int64_t>(begin));
      const StepInput input{.kv = kv_.get(),
                            .ids = std::span(ids_).subspan(begin, end - begin),
                            .image_rows = image_rows_.empty() ? nullptr : &image_rows_,
                            .regime = regime,
                            .logit_rows = rows,
                            .blocks = blocks_};
      chunk_begin_ = begin;
      Tensor hidden;
      const Tensor out = model_.forward(std::span(&input, 1), tap, &hidden);
      if (!hidden.empty()) {
        const std::int64_t last = hidden.rows() - 1;
        last_hidden_ = engine_.gather(std::span(&hidden, 1), std::span(&last, 1), 1);
      }
      if (!rows.empty()) {
        const Values values = read_all(engine_, out);
        const auto width = static_cast<std::size_t>(out.cols());
        for (std::size_t i = 0; i < rows.size(); ++i) {
          const auto row = row_of(values, width, i);
          logits.emplace_back(row.begin(), row.end());
        }
      }
      begin = end;
    }
    return logits;
  }

  void prefill_with_taps() {
    std::vector<std::int64_t> wanted;
    for (const double position : numbers(case_.at("positions")))
      wanted.push_back(static_cast<std::int64_t>(position));
    const std::size_t positions = wanted.size();
    wanted.push_back(static_cast<std::int64_t>(ids_.size()) - 1);
    Values embeds_pos, layers_pos, layers_last, norm_last;
    std::map<int, Values> by_layer_pos, by_layer_last;
    const Tap tap = [&](std::string_view name, const Tensor& value) {
      const auto width = static_cast<std::size_t>(value.cols());
      const Values values = read_all(engine_, value);
      if (name == "decoder.norm") {
        const auto row = row_of(values, width, values.size() / width - 1);
        norm_last.assign(row.begin(), row.end());
        return;
      }
      const bool input = name == "decoder.embeds";
      const int layer =
          input ? 0
                : std::atoi(
                      std::string(name.substr(std::string_view("decoder.layer").size())).c_str());
      for (std::size_t i = 0; i < (input ? positions : wanted.size()); ++i) {
        const std::int64_t row = wanted[i] - static_cast<std::int64_t>(chunk_begin_);
        if (row < 0 || row >= value.rows()) continue;
        const auto from = row_of(values, width, static_cast<std::size_t>(row));
        Values& to = input           ? embeds_pos
                     : i < positions ? by_layer_pos[layer]
                                     : by_layer_last[layer];
        to.insert(to.end(), from.begin(), from.end());
      }
    };
    const std::vector<Values> logits = prefill(wanted, &tap);
    for (const auto& [layer, values] : by_layer_pos)
      layers_pos.insert(layers_pos.end(), values.begin(), values.end());
    for (const auto& [layer, values] : by_layer_last)
      layers_last.insert(layers_last.end(), values.begin(), values.end());
    compare("model.embeds_pos", embeds_pos, "embeds_pos", limits_.image_embeds, rounded_images());
    compare("model.layers_pos", layers_pos, "layers_pos", limits_.layers, rounded());
    compare("model.layers_last", layers_last, "layers_last", limits_.layers, rounded());
    compare("model.norm_last", norm_last, "norm_last", limits_.norm, rounded());
    compare_all_logits(logits, positions);
    last_logits_ = logits.back();
  }

  void compare_all_logits(const std::vector<Values>& logits, std::size_t positions) {
    const Values expected = expect_.find(prefix_ + "logits_pos");
    const auto step = info_.at("vocab_step").to_number<std::size_t>();
    Values sampled;
    for (std::size_t i = 0; i < positions; ++i)
      for (std::size_t id = 0; id < logits[i].size(); id += step) sampled.push_back(logits[i][id]);
    compare_logits("model.logits_pos", sampled, expected, true);
    compare_logits("model.logits_last", logits.back(), expect_.find(prefix_ + "logits_last"), true);
    const json::array& top = variant_.at("top5_ids").as_array();
    if (rounded() || top.empty()) return;
    for (std::size_t i = 0; i < logits.size() && i < top.size(); ++i) {
      const auto& expected_logits = variant_.at("top5_logits").at(i).as_array();
      const std::vector<double> ids = numbers(top[i]);
      for (std::size_t k = 0; k < ids.size(); ++k)
        report_.difference("model.top5", at_,
                           std::abs(logits[i][static_cast<std::size_t>(ids[k])] -
                                    expected_logits[k].to_number<double>()),
                           limits_.logits);
    }
  }

  // Greedy steps fed with the recorded tokens; a step whose margin is below the error may differ.
  void decode() {
    const std::vector<double> tokens = numbers(variant_.at("tokens"));
    const std::vector<double> margins = numbers(variant_.at("margin"));
    const Values expected = expect_.find(prefix_ + "step_logits");
    const auto step = info_.at("step_logits_vocab_step").to_number<std::size_t>();
    Values logits = last_logits_;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      if (t > 0) logits = next(static_cast<TokenId>(tokens[t - 1]));
      Values sampled;
      for (std::size_t id = 0; id < logits.size(); id += step) sampled.push_back(logits[id]);
      const std::size_t width = expected.size() / tokens.size();
      double error = rounded() ? 0 : 2 * limits_.logits;
      if (!expected.empty()) {
        const auto row = row_of(expected, width, t);
        compare_logits("model.step_logits", sampled, row, false);
        // The error at the sampled ids, doubled: two logits take part in a margin.
        if (rounded()) error = 2 * largest_difference(sampled, row);
      }
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      if (margins[t] > error)
        report_.equal("model.tokens", at_, best == static_cast<std::ptrdiff_t>(tokens[t]),
                      fmt::format("step {}: token {} instead of {}", t, best, tokens[t]));
    }
  }

  Values next(TokenId token) {
    const int before = model_.position_regime(static_cast<std::int64_t>(ids_.size()));
    ids_.push_back(token);
    const auto total = static_cast<std::int64_t>(ids_.size());
    if (model_.position_regime(total) != before)
      kv_->truncate(0);  // keys of the other one are of no use
    return prefill({total - 1}, nullptr).back();
  }

  const json::object& case_;
  const json::object& variant_;
  const json::object& info_;
  const std::string at_, prefix_;
  const Model& model_;
  Engine& engine_;
  const Expectations& expect_;
  const VerifyOptions& options_;
  const GoldenLimits limits_;
  VerifyReport& report_;
  std::vector<ImagePlan> plans_;
  std::map<std::string, std::size_t> width_;  // columns of a tapped tensor
  Tensor image_rows_;
  std::vector<TokenId> ids_;
  std::vector<TokenRange> blocks_;
  std::unique_ptr<KvSequence> kv_;
  std::size_t chunk_begin_ = 0;
  Values last_logits_;
  Tensor last_hidden_;  // [1, D], of the last position computed
  double rms_sum_ = 0;
  int rms_count_ = 0;
};

// "q4" for quantised weights, "bf16" otherwise; a set with one variant has no choice.
std::string variant_for(const json::object& c, const Model& model) {
  const json::object& variants = c.at("variants").as_object();
  const std::string wanted = model.info().weights.quant ? "q4" : "bf16";
  if (variants.contains(wanted) || variants.empty()) return wanted;
  return std::string(variants.begin()->key());
}

}  // namespace

RmsLimits rms_limits(Rounding rounding) {
  switch (rounding) {
    case Rounding::kNone:
      break;
    case Rounding::kHalfCache:  // the golden README's for the reference in float16 throughout
      return {0.01, 0.01};
    // Twice what 4-bit weights with f16 scales show on the test checkpoint: 0.019 and 0.013.
    case Rounding::kF16Activations:
      return {0.04, 0.026};
    // Twice what bf16 shows there: 0.048 and 0.021.
    case Rounding::kBf16Activations:
      return {0.1, 0.045};
    // About twice what the test checkpoints show: 0.037 and 0.016. A step of int8 is max|x| / 127
    // of a token's head, an error of 0.6 percent of each key and value.
    case Rounding::kInt8Cache:
      return {0.08, 0.035};
    // Of a like size at every product, vision tower included. An int8 cache hardly adds to it,
    // being independent: means of 0.053 without, 0.054 with one on the 4-bit test checkpoint.
    case Rounding::kInt8Activations:
      return {0.15, 0.06};
  }
  return {0, 0};
}

Rounding rounding_of(const Model& model) {
  using Activations = Precision::Activations;
  using Cache = Precision::Cache;
  const Precision precision = model.engine().info().precision;
  const WeightType& weights = model.info().weights;
  if (precision.activations == Activations::kHalf)
    return weights.dtype == DType::kBF16 ? Rounding::kBf16Activations : Rounding::kF16Activations;
  if (precision.activations == Activations::kInt8 && weights.quant)
    return Rounding::kInt8Activations;
  if (precision.cache == Cache::kInt8) return Rounding::kInt8Cache;
  return precision.cache == Cache::kF32 ? Rounding::kNone : Rounding::kHalfCache;
}

Result<bool> verify_model(const std::filesystem::path& goldens, const Model& model,
                          const VerifyOptions& options, VerifyReport& report) {
  const std::filesystem::path folder = goldens / "model";
  if (!std::filesystem::exists(folder / "cases.json")) return false;
  OC_ASSIGN_OR_RETURN(const json::value cases, read_cases(folder / "cases.json"));
  OC_ASSIGN_OR_RETURN(const Expectations expect, Expectations::open(folder / "expect.safetensors"));
  double rms = 0;
  int count = 0;
  const auto check = [&](const json::object& c) -> Result<void> {
    const int length = c.at("length").to_number<int>();
    if (options.max_model_tokens > 0 && length > options.max_model_tokens) return {};
    if (options.progress) options.progress("model", c.at("name").as_string());
    ModelCase one(c, variant_for(c, model), cases.at("info").as_object(), model, expect, options,
                  report);
    OC_RETURN_IF_ERROR(one.run(goldens / "image"));
    rms += one.mean_rms();
    ++count;
    return {};
  };
  const std::string file = (folder / "cases.json").string();
  OC_RETURN_IF_ERROR(with_case(file, "all cases", [&]() -> Result<void> {
    for (const json::value& value : cases.at("cases").as_array()) {
      const std::string_view name = value.at("name").as_string();
      OC_RETURN_IF_ERROR(with_case(file, name, [&] { return check(value.as_object()); }));
    }
    return {};
  }));
  OC_RETURN_IF_ERROR(model.intact());
  OC_RETURN_IF_ERROR(expect.intact());
  if (options.rounding != Rounding::kNone && count > 0)
    report.difference("model.rms_mean", "all cases", rms / count,
                      rms_limits(options.rounding).mean);
  return true;
}

}  // namespace oc
