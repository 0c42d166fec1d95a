#include "runtime/verify/verify_objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "runtime/verify/verify.h"

namespace oc {
namespace {

namespace json = boost::json;

using Values = std::vector<float>;

constexpr double kSameBin = 2e-3;  // margins above it are never lost in float32 arithmetic
constexpr double kSamePlace = 1e-6;

std::int64_t best_of(std::span<const float> values) {
  return std::ranges::max_element(values) - values.begin();
}

class ObjectsCase {
 public:
  ObjectsCase(const GoldenObjects& golden, const Model& model, const Expectations& expect,
              const GoldenLimits& limits, bool rounded, VerifyReport& report)
      : golden_(golden),
        objects_(golden.variant.at("objects").as_array()),
        model_(model),
        expect_(expect),
        limits_(limits),
        rounded_(rounded),
        report_(report) {}

  void run(KvSequence& kv, std::span<const float> logits, Tensor hidden) {
    const Tap tap = [this](std::string_view name, const Tensor& value) {
      Values values(static_cast<std::size_t>(value.rows() * value.cols()));
      model_.engine().read(value, values);
      seen_[std::string(name.substr(name.find('.') + 1))].push_back(std::move(values));
    };
    const auto task = golden_task(golden_.golden_case, static_cast<int>(objects_.size()));
    const auto decoding = model_.begin_objects(
        *task, {.tap = &tap, .revision = golden_revision(golden_.golden_case), .past_end = true});
    Values last(logits.begin(), logits.end());
    std::size_t found = 0;
    for (;;) {
      const Result<Tensor> row = decoding->next(last, hidden);
      if (!row.ok()) return report_.equal("model.objects", golden_.at, false, row.error().message);
      if (row->empty()) break;
      step(kv, *row, decoding->wants_logits(), last, hidden);
      if (decoding->objects().size() > found) next_tokens_.push_back(best_of(last));
      found = decoding->objects().size();
    }
    compare(decoding->objects());
  }

 private:
  void step(KvSequence& kv, const Tensor& row, bool wanted, Values& logits, Tensor& hidden) const {
    constexpr TokenId kRow = -1;
    const StepInput input{.kv = &kv,
                          .ids = {&kRow, 1},
                          .image_rows = &row,
                          .regime = model_.position_regime(kv.length() + 1),
                          .logits = wanted};
    const Tensor out = model_.forward({&input, 1}, nullptr, &hidden);
    logits.resize(static_cast<std::size_t>(out.cols()));
    if (wanted) model_.engine().read(out, logits);
  }

  // Up to the first bin that went another way: what is fed next is then something else.
  void compare(std::span<const FoundObject> found) {
    std::size_t number = 0;  // in region_order
    std::map<std::string, std::size_t, std::less<>> counts;
    std::size_t object = 0;
    const std::size_t per_object = golden_.variant.at("region_order").as_array().size() /
                                   std::max<std::size_t>(objects_.size(), 1);
    for (const json::value& entry : golden_.variant.at("region_order").as_array()) {
      const std::string name(entry.as_string());
      const std::size_t nth = counts[name]++;
      if (nth >= seen_[name].size()) return;
      if (!compare_one(number, name, seen_[name][nth], object)) return;
      if (++number % per_object == 0) {
        if (!compare_place(found[object], object)) return;
        ++object;
      }
    }
  }

  // False: its bin, or one of its bins, is another one.
  bool compare_one(std::size_t number, const std::string& name, std::span<const float> values,
                   std::size_t object) {
    const Values expected =
        expect_.find(fmt::format("{}region.{}.{}", golden_.prefix, number, name));
    const bool logits = name.ends_with("_logits");
    const auto every =
        logits ? golden_.info.at("region_logits_step").to_number<std::size_t>() : std::size_t{1};
    Values sampled;
    for (std::size_t i = 0; i < values.size(); i += every) sampled.push_back(values[i]);
    const double error = largest_difference(sampled, expected);
    const std::string stage = logits ? "model.region_logits" : "model.region_embeds";
    if (rounded_ && std::isfinite(error))
      report_.figure(stage, golden_.at, error);
    else
      report_.difference(stage, golden_.at, error, logits ? limits_.logits : limits_.layers);
    if (!logits) return true;
    if (name == "size_logits") {
      const std::size_t half = values.size() / 2;
      return same_bin("w", values.first(half), object, error) &&
             same_bin("h", values.subspan(half), object, error);
    }
    return same_bin(name.substr(0, 1), values, object, error);
  }

  bool same_bin(const std::string& axis, std::span<const float> bins, std::size_t object,
                double error) {
    const json::object& expected = objects_.at(object).as_object();
    const bool same = best_of(bins) == expected.at(axis + "_bin").to_number<std::int64_t>();
    const double margin = expected.at(axis + "_margin").to_number<double>();
    // Two logits take part in a margin.
    if (margin > (rounded_ ? 2 * error : kSameBin))
      report_.equal("model.region_bins", golden_.at, same,
                    fmt::format("object {}: another bin of {}", object, axis));
    return same;
  }

  bool compare_place(const FoundObject& found, std::size_t object) {
    const json::object& expected = objects_.at(object).as_object();
    double difference = 0;
    const auto look = [&](const char* key, double value) {
      if (const json::value* const wanted = expected.if_contains(key))
        difference = std::max(difference, std::abs(value - wanted->to_number<double>()));
    };
    look("x", found.x);
    look("y", found.y);
    look("w", found.width.value_or(0));
    look("h", found.height.value_or(0));
    look("x_min", found.x_min());
    look("y_min", found.y_min());
    look("x_max", found.x_max());
    look("y_max", found.y_max());
    report_.difference("model.objects", golden_.at, difference, kSamePlace);
    if (!rounded_)
      report_.equal("model.object_tokens", golden_.at,
                    next_tokens_.at(object) == expected.at("next_token").to_number<std::int64_t>(),
                    fmt::format("object {}: another token behind it", object));
    return true;
  }

  const GoldenObjects& golden_;
  const json::array& objects_;
  const Model& model_;
  const Expectations& expect_;
  const GoldenLimits& limits_;
  const bool rounded_;
  VerifyReport& report_;
  std::map<std::string, std::vector<Values>, std::less<>> seen_;  // by tap, in order
  std::vector<std::int64_t> next_tokens_;                         // behind each object
};

}  // namespace

void verify_objects(const GoldenObjects& golden, const Model& model, KvSequence& kv,
                    std::span<const float> logits, Tensor hidden, const Expectations& expect,
                    const GoldenLimits& limits, bool rounded, VerifyReport& report) {
  ObjectsCase(golden, model, expect, limits, rounded, report).run(kv, logits, std::move(hidden));
}

}  // namespace oc
