// SmolVLM2's hidden states reach 15,500 from the fourth layer on, in a channel or two of a token or
// two: a gated pair of the fourth layer is huge there, and two weights of down_proj meet it. How
// far int8 activations are from full precision, layer by layer, on random weights scaled so.
// OC_SHOW_LAYERS=1: at the 500M model's widths, with a table of it.
#include <fmt/format.h>

#include <cstdlib>
#include <map>

#include "io/affine.h"
#include "tests/engines/support.h"

namespace oc {
namespace {

struct Sizes {
  std::int64_t hidden, mlp;
  int heads, kv_heads, layers;
  std::int64_t tokens;
};
constexpr Sizes kSmall{192, 640, 3, 1, 6, 12}, kPublished{960, 2560, 15, 5, 8, 48};
constexpr int kHeadDim = 64;
constexpr std::int64_t kVocabulary = 512;
constexpr float kHuge = 15500, kSecond = -9000;
constexpr std::size_t kMakes = 3;  // the layer whose gated pair makes them; the last removes them

using Values = std::vector<float>;

// Hidden states behind each layer, [T, D], and logits, [T, V].
struct Outcome {
  std::vector<Values> layers;
  Values logits;
};

class HugeDecoder {
 public:
  // `damping`: the norms' weights of the huge channels in the layers between kMakes and the last.
  HugeDecoder(const Sizes& sizes, int bits, float damping)
      : s_(sizes), bits_(bits), first_(sizes.hidden / 4 + 7), second_(sizes.hidden * 2 / 3) {
    const float width = static_cast<float>(s_.hidden), inner = static_cast<float>(s_.mlp);
    const std::int64_t heads = std::int64_t{s_.heads + 2 * s_.kv_heads} * kHeadDim;
    layers_.resize(static_cast<std::size_t>(s_.layers));
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      Layer& layer = layers_[i];
      layer.qkv = quantised(make_.normals(heads * s_.hidden, 1 / std::sqrt(width)), s_.hidden);
      layer.o = quantised(make_.normals(s_.hidden * s_.hidden, 0.7f / std::sqrt(width)), s_.hidden);
      layer.gate_up_floats = make_.normals(2 * s_.mlp * s_.hidden, 1 / std::sqrt(width));
      layer.down_floats = make_.normals(s_.hidden * s_.mlp, 2 / std::sqrt(inner));
      layer.norm = Values(static_cast<std::size_t>(s_.hidden), 1.0f);
      if (i > kMakes && i + 1 < layers_.size())
        layer.norm[index(first_)] = layer.norm[index(second_)] = damping;
    }
    head_ = quantised(make_.normals(kVocabulary * s_.hidden, 1 / std::sqrt(width)), s_.hidden);
    mark_tokens();
    make_huge();
    remove_huge();
  }

  Outcome run(Engine& engine, bool bf16 = false) const { return run(engine, layers_.size(), bf16); }
  bool massive(std::int64_t token) const { return token == 0 || token == s_.tokens - 1; }
  bool huge(std::int64_t channel) const { return channel == first_ || channel == second_; }
  float of(const Values& hidden, std::int64_t token) const {
    return hidden[index(token * s_.hidden + first_)];
  }
  const Sizes& sizes() const { return s_; }

 private:
  struct Layer {
    RawMatrix qkv, o, gate_up, down;
    Values gate_up_floats, down_floats, norm;
  };
  static std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

  RawMatrix quantised(const Values& numbers, std::int64_t cols) {
    const QuantSpec spec{.bits = bits_, .group_size = 64};
    const auto bytes = std::as_bytes(std::span(numbers));
    const std::size_t groups = numbers.size() / 64;
    auto& packed = memory_.emplace_back(numbers.size() * index(bits_) / 8);
    auto& scales = memory_.emplace_back(groups * 2);
    auto& biases = memory_.emplace_back(groups * 2);
    AffineQuantizer(DType::kF32, DType::kF16).quantize(bytes, spec, packed, scales, biases);
    const std::int64_t rows = std::ssize(numbers) / cols;
    const auto view = [&](const std::vector<std::byte>& data, DType type, std::int64_t width) {
      return TensorView{"test", type, Shape{rows, width}, data, "test"};
    };
    RawMatrix raw{.name = "test", .rows = rows, .cols = cols};
    raw.weight = view(packed, DType::kU32, cols * bits_ / 32);
    raw.quant = spec;
    raw.scales = view(scales, DType::kF16, cols / 64);
    raw.biases = view(biases, DType::kF16, cols / 64);
    return raw;
  }
  void quantise_mlp(Layer& layer) {
    layer.gate_up = quantised(layer.gate_up_floats, s_.hidden);
    layer.down = quantised(layer.down_floats, s_.mlp);
  }

  // Embeddings: a pattern in the massive tokens, its opposite in the others, whose gate it closes.
  void mark_tokens() {
    marks_ = make_.normals(s_.hidden);
    for (float& mark : marks_) mark = mark < 0 ? -1.0f : 1.0f;
    marks_[index(first_)] = marks_[index(second_)] = 0;
    embeds_ = make_.normals(s_.tokens * s_.hidden);
    for (std::int64_t t = 0; t < s_.tokens; ++t) {
      const auto row = std::span(embeds_).subspan(index(t * s_.hidden), index(s_.hidden));
      float in_row = 0;
      for (std::size_t c = 0; c < row.size(); ++c) in_row += row[c] * marks_[c];
      const float wanted = massive(t) ? 2.0f : -0.5f;
      for (std::size_t c = 0; c < row.size(); ++c)
        row[c] += (wanted - in_row / static_cast<float>(s_.hidden - 2)) * marks_[c];
    }
  }

  // Gate and up of one column: `row`. Down's weights of it: zero but for the huge channels.
  void set_gate_up(Layer& layer, std::int64_t column, const Values& row) {
    for (const std::int64_t to : {column, s_.mlp + column})
      std::ranges::copy(row, layer.gate_up_floats.begin() + to * s_.hidden);
  }
  void set_down(Layer& layer, std::int64_t column, float first, float second) {
    for (std::int64_t n = 0; n < s_.hidden; ++n)
      layer.down_floats[index(n * s_.mlp + column)] = n == first_    ? first
                                                      : n == second_ ? second
                                                                     : 0.0f;
    quantise_mlp(layer);
  }

  void make_huge() {
    const std::int64_t column = s_.mlp / 2 + 21;
    Layer& layer = layers_[kMakes];
    Values row = marks_;  // normalised, a massive token's product with it is about 0.62 · D
    for (float& value : row) value *= 60 / (0.62f * static_cast<float>(s_.hidden));
    set_gate_up(layer, column, row);
    set_down(layer, column, 1, 0);
    for (std::size_t i = 0; i < kMakes; ++i) quantise_mlp(layers_[i]);
    const float pair = of(run(*exact_, kMakes + 1, false).layers.back(), s_.tokens - 1);
    set_down(layer, column, kHuge / pair, kSecond / pair);
  }

  // As trained models do it: from the size that a norm leaves, whatever it was before. Fitted to
  // the last token.
  void remove_huge() {
    const std::int64_t column = 77;
    Layer& layer = layers_.back();
    Values row(index(s_.hidden));
    row[index(first_)] = 60 / (0.86f * std::sqrt(static_cast<float>(s_.hidden)));
    set_gate_up(layer, column, row);
    set_down(layer, column, -1, 0);
    for (std::size_t i = kMakes + 1; i + 1 < layers_.size(); ++i) quantise_mlp(layers_[i]);
    const Outcome out = run(*exact_, layers_.size(), false);
    const Values& before = out.layers[layers_.size() - 2];
    const std::int64_t last = s_.tokens - 1;
    const float pair = of(before, last) - of(out.layers.back(), last);
    set_down(layer, column, -of(before, last) / pair,
             -before[index(last * s_.hidden + second_)] / pair);
  }

  // bf16: hidden states are rounded to it behind each layer, once where a bf16 model does it twice.
  Outcome run(Engine& engine, std::size_t count, bool bf16) const {
    Materials tensors;
    const auto norm = [&](const Values& weight) {
      const TensorView view = tensors.view(weight, DType::kF32, Shape{s_.hidden});
      return engine.prepare_norm(NormKind::kRms, 1e-5f, view, nullptr).value();
    };
    const auto kv = engine.make_sequence(
        {.layers = static_cast<int>(count), .kv_heads = s_.kv_heads, .head_dim = kHeadDim});
    const Batch batch = batch_of({{kv.get(), 0, s_.tokens}}, kHeadDim);
    Outcome out;
    Tensor x = engine.upload(embeds_, s_.tokens, s_.hidden);
    for (std::size_t i = 0; i < count; ++i) {
      const Layer& layer = layers_[i];
      const NormPtr both = norm(layer.norm);
      Tensor qkv = engine.linear(x, *prepared(engine, layer.qkv), {.norm = both.get()});
      Tensor att = engine.attend(std::move(qkv),
                                 {.heads = s_.heads,
                                  .kv_heads = s_.kv_heads,
                                  .head_dim = kHeadDim,
                                  .scale = 0.125f,
                                  .layer = static_cast<int>(i)},
                                 batch);
      x = engine.linear(std::move(att), *prepared(engine, layer.o), {.add = std::move(x)});
      x = engine.gated_mlp(std::move(x), *both, *prepared(engine, layer.gate_up),
                           *prepared(engine, layer.down));
      Values hidden = values(engine, x);
      if (bf16) {
        for (float& value : hidden) value = bf16_to_f32(f32_to_bf16(value));
        x = engine.upload(hidden, s_.tokens, s_.hidden);
      }
      out.layers.push_back(std::move(hidden));
    }
    const NormPtr last = norm(Values(index(s_.hidden), 1.0f));
    out.logits = values(engine, engine.linear(x, *prepared(engine, head_), {.norm = last.get()}));
    return out;
  }

  const Sizes s_;
  const int bits_;
  const std::int64_t first_, second_;  // the huge channels
  Materials make_{23};
  std::shared_ptr<Engine> exact_ = exact_cpu();
  std::deque<std::vector<std::byte>> memory_;
  std::vector<Layer> layers_;
  RawMatrix head_;
  Values embeds_, marks_;
};

// Root mean square errors over those of the values, behind one layer.
struct Errors {
  double rest = 0;     // massive tokens, channels that are not huge
  double massive = 0;  // massive tokens, all channels
  double others = 0;   // other tokens
};
Errors errors_of(const HugeDecoder& decoder, const Values& got, const Values& want) {
  std::map<int, std::pair<Values, Values>> parts;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const std::int64_t width = decoder.sizes().hidden;
    const auto add = [&](int part) {
      parts[part].first.push_back(got[i]);
      parts[part].second.push_back(want[i]);
    };
    if (!decoder.massive(at / width)) {
      add(2);
      continue;
    }
    add(1);
    if (!decoder.huge(at % width)) add(0);
  }
  const auto error = [&](int part) {
    return relative_error(parts[part].first, parts[part].second);
  };
  return {error(0), error(1), error(2)};
}

// Of one token's logits, in their deviations.
double logits_error(const Outcome& got, const Outcome& want, std::int64_t token) {
  const auto row = [&](const Outcome& outcome) {
    const auto at = outcome.logits.begin() + token * kVocabulary;
    return Values(at, at + kVocabulary);
  };
  Values expected = row(want);
  const Values found = row(got);
  double square = 0, sum = 0, size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    square += (double{found[i]} - expected[i]) * (double{found[i]} - expected[i]);
    sum += expected[i];
    size += double{expected[i]} * expected[i];
  }
  const auto n = static_cast<double>(kVocabulary);
  return std::sqrt(square / n / (size / n - sum / n * (sum / n)));
}

class HugeHidden : public testing::TestWithParam<std::tuple<int, float>> {};

TEST_P(HugeHidden, TheRestIsNotLost) {
  const auto [bits, damping] = GetParam();
  const bool show = std::getenv("OC_SHOW_LAYERS") != nullptr;
  const HugeDecoder decoder(show ? kPublished : kSmall, bits, damping);
  const std::int64_t last = decoder.sizes().tokens - 1;
  const auto exact = exact_cpu();
  const auto rounded = engine_of({.engine = "cpu", .threads = 2, .kv = "f32"});
  const Outcome want = decoder.run(*exact), got = decoder.run(*rounded);
  const Outcome bf16 = decoder.run(*exact, true);
  for (std::size_t i = 0; i < want.layers.size(); ++i) {
    const Errors errors = errors_of(decoder, got.layers[i], want.layers[i]);
    const float largest = decoder.of(want.layers[i], last);
    const bool huge = i >= kMakes && i + 1 < want.layers.size();
    EXPECT_EQ(std::abs(largest) > 12000, huge) << "layer " << i + 1 << " has " << largest;
    // Products are half a percent off, so a layer adds about one percent.
    EXPECT_LT(errors.rest, 0.02) << "layer " << i + 1;
    // The last one's column is open to other tokens too, and squares their error.
    EXPECT_LT(errors.others, i + 1 < want.layers.size() ? 0.04 : 0.08) << "layer " << i + 1;
    if (huge) EXPECT_LT(errors.massive, 0.004) << "layer " << i + 1;
    if (show)
      fmt::print("| {} | {:.0f} | {:.4f} | {:.4f} | {:.4f} | {:.4f} |\n", i + 1, largest,
                 errors.others, errors.rest, errors.massive,
                 errors_of(decoder, bf16.layers[i], want.layers[i]).massive);
  }
  const auto mean = [&](const Outcome& outcome) {  // of all tokens but the massive ones
    double sum = 0;
    for (std::int64_t t = 1; t < last; ++t) sum += logits_error(outcome, want, t);
    return sum / static_cast<double>(last - 1);
  };
  EXPECT_LT(mean(got), 0.06);
  if (show)
    fmt::print(
        "{} bits, norms' weights {} there; logits, of σ: others {:.3f}, the last token "
        "{:.3f}, with bf16 hidden states {:.3f}, {:.3f}\n",
        bits, damping, mean(got), logits_error(got, want, last), mean(bf16),
        logits_error(bf16, want, last));
}

INSTANTIATE_TEST_SUITE_P(Weights, HugeHidden,
                         testing::Combine(testing::Values(4, 8), testing::Values(1.0f, 0.02f)),
                         [](const auto& tested) {
                           return fmt::format("Bits{}{}", std::get<0>(tested.param),
                                              std::get<1>(tested.param) < 1 ? "Damped" : "");
                         });

}  // namespace
}  // namespace oc
