#include "runtime/quantize/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <cmath>
#include <map>

#include "base/ascii.h"

namespace oc {
namespace {

namespace json = boost::json;

// "model.layers.3.mlp.down_proj.weight" -> "model.layers.3"; "lm_head.weight" -> "lm_head".
std::string layer_of(const std::string& name) {
  constexpr std::string_view kLayers = "layers.";
  if (const std::size_t at = name.find(kLayers); at != std::string::npos) {
    std::size_t end = at + kLayers.size();
    while (end < name.size() && is_digit(name[end])) ++end;
    if (end > at + kLayers.size()) return name.substr(0, end);
  }
  const std::size_t dot = name.rfind('.');
  const bool parameter = name.ends_with(".weight") || name.ends_with(".bias");
  return parameter ? name.substr(0, dot) : name;
}

// "layers.2" before "layers.10".
bool natural_less(std::string_view a, std::string_view b) {
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const auto end = [](std::string_view s, std::size_t from) {
        while (from < s.size() && is_digit(s[from])) ++from;
        return from;
      };
      const std::string_view x = a.substr(i, end(a, i) - i), y = b.substr(j, end(b, j) - j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
      i += x.size();
      j += y.size();
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

// The end of a long name, which tells more.
std::string end_of_name(const std::string& name) {
  constexpr std::size_t kMaxRows = 44;
  return name.size() <= kMaxRows ? name : "..." + name.substr(name.size() - kMaxRows + 3);
}

// JSON has no infinity.
json::value number(double value) { return std::isfinite(value) ? json::value(value) : nullptr; }

struct Totals {
  std::size_t pictures = 0, same = 0, tokens = 0, agreed = 0;
  double input_logprob = 0, output_logprob = 0;  // means over tokens
};

Totals totals_of(const std::vector<ImageScore>& scores) {
  Totals out;
  for (const ImageScore& score : scores) {
    ++out.pictures;
    out.same += score.same_answer() ? 1 : 0;
    out.tokens += score.tokens;
    out.agreed += score.agreed;
    out.input_logprob += score.input_logprob;
    out.output_logprob += score.output_logprob;
  }
  if (out.tokens > 0) {
    out.input_logprob /= static_cast<double>(out.tokens);
    out.output_logprob /= static_cast<double>(out.tokens);
  }
  return out;
}

double share(std::size_t part, std::size_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

Deviation quantized_deviation(const std::vector<TensorReport>& tensors) {
  Deviation sum;
  for (const TensorReport& tensor : tensors)
    if (tensor.action == TensorAction::kQuantize) sum += tensor.deviation;
  return sum;
}

json::object images_json(const std::vector<ImageScore>& scores) {
  json::array items;
  for (const ImageScore& score : scores)
    items.push_back({{"picture", score.picture},
                     {"answer", score.answer},
                     {"tokens", score.tokens},
                     {"agreed", score.agreed},
                     {"same_answer", score.same_answer()},
                     {"input_logprob", number(score.input_logprob)},
                     {"output_logprob", number(score.output_logprob)}});
  const Totals totals = totals_of(scores);
  return {{"items", std::move(items)},
          {"same_answers", totals.same},
          {"token_agreement", share(totals.agreed, totals.tokens)},
          {"mean_logprob_input", number(totals.input_logprob)},
          {"mean_logprob_output", number(totals.output_logprob)},
          {"perplexity_input", number(std::exp(-totals.input_logprob))},
          {"perplexity_output", number(std::exp(-totals.output_logprob))}};
}

}  // namespace

std::vector<LayerReport> by_layer(const std::vector<TensorReport>& tensors) {
  std::map<std::string, LayerReport, decltype(&natural_less)> layers(&natural_less);
  for (const TensorReport& tensor : tensors) {
    LayerReport& layer = layers[layer_of(tensor.name)];
    layer.elements += tensor.elements;
    if (tensor.action != TensorAction::kQuantize) continue;
    layer.quantized += tensor.elements;
    layer.deviation += tensor.deviation;
    const double rms = tensor.deviation.relative_rms();
    if (layer.worst.empty() || rms > layer.worst_rms) {
      layer.worst = tensor.name;
      layer.worst_rms = rms;
    }
  }
  std::vector<LayerReport> out;
  for (auto& [name, layer] : layers) {
    layer.name = name;
    out.push_back(std::move(layer));
  }
  return out;
}

std::string QuantizeReport::table() const {
  const std::vector<LayerReport> layers = by_layer(tensors);
  std::size_t width = 5;
  for (const LayerReport& layer : layers)
    if (layer.quantized > 0) width = std::max(width, end_of_name(layer.name).size());
  std::string out =
      fmt::format("{:<{}} {:>13}  {:>9}  worst tensor\n", "layer", width, "quantised", "rel. rms");
  std::size_t quantized = 0, elements = 0;
  for (const LayerReport& layer : layers) {
    quantized += layer.quantized;
    elements += layer.elements;
    if (layer.quantized == 0) continue;
    const std::string within =
        layer.worst.substr(std::min(layer.name.size() + 1, layer.worst.size()));
    out += fmt::format("{:<{}} {:>13}  {:>9.5f}  {:.5f} {}\n", end_of_name(layer.name), width,
                       layer.quantized, layer.deviation.relative_rms(), layer.worst_rms, within);
  }
  out +=
      fmt::format("{:<{}} {:>13}  {:>9.5f}  of {} elements, {:.1f} MB to {:.1f} MB\n", "all", width,
                  quantized, quantized_deviation(tensors).relative_rms(), elements,
                  static_cast<double>(input_bytes) / 1e6, static_cast<double>(output_bytes) / 1e6);
  if (pictures.empty()) return out;
  out += fmt::format("\n{:>7} {:>7} {:>10} {:>10}  picture\n", "tokens", "agree", "log p in",
                     "log p out");
  for (const ImageScore& score : pictures) {
    const double n = static_cast<double>(std::max<std::size_t>(score.tokens, 1));
    out += fmt::format("{:>7} {:>7} {:>10.4f} {:>10.4f}  {}\n", score.tokens, score.agreed,
                       score.input_logprob / n, score.output_logprob / n, score.picture);
  }
  const Totals totals = totals_of(pictures);
  return out + fmt::format(
                   "{} of {} answers are the same, {:.1f} % of tokens; perplexity of the input's "
                   "answers {:.4f}, before {:.4f}\n",
                   totals.same, totals.pictures, 100 * share(totals.agreed, totals.tokens),
                   std::exp(-totals.output_logprob), std::exp(-totals.input_logprob));
}

json::object QuantizeReport::to_json() const {
  json::array layer_items, tensor_items;
  for (const LayerReport& layer : by_layer(tensors))
    layer_items.push_back({{"name", layer.name},
                           {"elements", layer.elements},
                           {"quantized", layer.quantized},
                           {"relative_rms", number(layer.deviation.relative_rms())},
                           {"worst", layer.worst},
                           {"worst_relative_rms", number(layer.worst_rms)}});
  for (const TensorReport& tensor : tensors)
    tensor_items.push_back({{"name", tensor.name},
                            {"action", to_string(tensor.action)},
                            {"elements", tensor.elements},
                            {"relative_rms", number(tensor.deviation.relative_rms())}});
  json::object out{{"input_bytes", input_bytes},
                   {"output_bytes", output_bytes},
                   {"relative_rms", number(quantized_deviation(tensors).relative_rms())},
                   {"layers", std::move(layer_items)},
                   {"tensors", std::move(tensor_items)}};
  if (!pictures.empty()) out["pictures"] = images_json(pictures);
  return out;
}

}  // namespace oc
