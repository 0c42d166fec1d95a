// The fused ops as formulas: a set of primitives that writes down what it was asked for.
#include "ops/composition.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace oc {
namespace {

struct Text final : TensorStorage {
  std::string text;
};
struct NamedLinear final : LinearWeight {
  std::string name;
};
struct NamedNorm final : NormWeight {
  std::string name;
};
struct NamedSequence final : KvSequence {
  explicit NamedSequence(std::string n) : name(std::move(n)) {}
  std::string name;
  std::int64_t length() const override { return 0; }
  void advance(std::int64_t) override { OC_CHECK(false, "advance is the model's"); }
  void truncate(std::int64_t) override { OC_CHECK(false, "truncate"); }
  std::unique_ptr<KvSequence> fork(std::int64_t) const override { return nullptr; }
  std::size_t bytes() const override { return 0; }
};

Tensor term(std::string text, std::int64_t rows, std::int64_t cols) {
  auto storage = std::make_shared<Text>();
  storage->text = std::move(text);
  return Tensor(rows, cols, std::move(storage));
}
const std::string& text(const Tensor& tensor) {
  return static_cast<const Text*>(tensor.storage())->text;
}
NamedLinear matrix(std::string name, std::int64_t rows, std::int64_t cols) {
  NamedLinear weight;
  weight.name = std::move(name);
  weight.rows = rows;
  weight.cols = cols;
  return weight;
}
NamedNorm norm(std::string name) {
  NamedNorm weight;
  weight.name = std::move(name);
  return weight;
}

class Formulas final : public Primitives {
 public:
  Tensor matmul(const Tensor& x, const LinearWeight& weight) override {
    return term(fmt::format("{}·{}", text(x), static_cast<const NamedLinear&>(weight).name),
                x.rows(), weight.rows);
  }
  Tensor normalize(const Tensor& x, const NormWeight& weight) override {
    return like(x, fmt::format("{}({})", static_cast<const NamedNorm&>(weight).name, text(x)));
  }
  Tensor activate(const Tensor& x, Activation activation) override {
    const char* names[] = {"none", "quick_gelu", "gelu", "gelu_tanh", "silu"};
    return like(x, fmt::format("{}({})", names[static_cast<int>(activation)], text(x)));
  }
  Tensor add(const Tensor& a, const Tensor& b) override {
    return like(a, fmt::format("({} + {})", text(a), text(b)));
  }
  Tensor multiply(const Tensor& a, const Tensor& b) override {
    return like(a, fmt::format("({} * {})", text(a), text(b)));
  }
  Tensor columns(const Tensor& x, std::int64_t first, std::int64_t count) override {
    return term(fmt::format("{}[:, {}+{}]", text(x), first, count), x.rows(), count);
  }
  Tensor rows(const Tensor& x, std::int64_t first, std::int64_t count) override {
    return term(fmt::format("{}[{}+{}]", text(x), first, count), count, x.cols());
  }
  Tensor stack(std::span<const Tensor> parts) override {
    std::string all;
    std::int64_t total = 0;
    for (const Tensor& part : parts) {
      all += (all.empty() ? "" : " | ") + text(part);
      total += part.rows();
    }
    return term(all, total, parts[0].cols());
  }
  Tensor rotate(const Tensor& x, int head_dim, int turning, std::span<const float> cos,
                std::span<const float> sin) override {
    angles = {cos.begin(), cos.end()};
    angles.insert(angles.end(), sin.begin(), sin.end());
    return like(x, fmt::format("turn{}{}({})", head_dim,
                               turning == head_dim ? "" : fmt::format(":{}", turning), text(x)));
  }
  void append(KvSequence& sequence, int layer, std::int64_t position, const Tensor& k,
              const Tensor& v) override {
    events.push_back(fmt::format("{}.{} at {}: k = {}, v = {}", name(sequence), layer, position,
                                 text(k), text(v)));
  }
  Tensor cached_keys(KvSequence& sequence, int layer, std::int64_t count) override {
    events.push_back(fmt::format("{}.{} read", name(sequence), layer));
    return term(fmt::format("{}.{}.k[{}]", name(sequence), layer, count), count, 0);
  }
  Tensor cached_values(KvSequence& sequence, int layer, std::int64_t count) override {
    return term(fmt::format("{}.{}.v[{}]", name(sequence), layer, count), count, 0);
  }
  Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttendSpec&,
                   std::int64_t first_visible) override {
    return like(
        q, fmt::format("attention({}, {}, {}, from {})", text(q), text(k), text(v), first_visible));
  }

  std::vector<std::string> events;
  std::vector<float> angles;

 private:
  static Tensor like(const Tensor& x, std::string s) {
    return term(std::move(s), x.rows(), x.cols());
  }
  static const std::string& name(const KvSequence& sequence) {
    return static_cast<const NamedSequence&>(sequence).name;
  }
};

TEST(Composition, LinearIsNormProductActivationResidual) {
  Formulas p;
  const Tensor x = term("x", 3, 4);
  const NamedLinear w = matrix("W", 5, 4);
  const NamedNorm n = norm("rms");
  EXPECT_EQ(text(compose::linear(p, x, w, {})), "x·W");
  EXPECT_EQ(text(compose::linear(p, x, w, {.norm = &n})), "rms(x)·W");
  EXPECT_EQ(text(compose::linear(p, x, w, {.activation = Activation::kQuickGelu})),
            "quick_gelu(x·W)");
  EXPECT_EQ(text(compose::linear(p, x, w, {.add = term("r", 3, 5)})), "(x·W + r)");
  const Tensor y = compose::linear(
      p, x, w, {.norm = &n, .activation = Activation::kGelu, .add = term("r", 3, 5)});
  EXPECT_EQ(text(y), "(gelu(rms(x)·W) + r)");
  EXPECT_EQ(y.rows(), 3);
  EXPECT_EQ(y.cols(), 5);
}

TEST(Composition, GatedMlpGatesTheSecondHalfAndAddsItsInput) {
  Formulas p;
  const Tensor y =
      compose::gated_mlp(p, term("x", 2, 4), norm("rms"), matrix("GU", 6, 4), matrix("D", 4, 3));
  EXPECT_EQ(text(y), "(x + (silu(rms(x)·GU[:, 0+3]) * rms(x)·GU[:, 3+3])·D)");
}

TEST(Composition, AttendTurnsAppendsAndReadsSegmentBySegment) {
  Formulas p;
  NamedSequence a("a"), b("b");
  const AttendSpec spec{.heads = 4, .kv_heads = 2, .head_dim = 8, .scale = 1, .layer = 3};
  Batch batch;
  batch.segments = {{&a, 10, 2}, {&b, 0, 1}};
  batch.rope_cos = {1, 2};
  batch.rope_sin = {3};
  const Tensor y = compose::attend(p, term("x", 3, 64), spec, batch);
  EXPECT_EQ(text(y),
            "attention(turn8(x[:, 0+32])[0+2], a.3.k[12], a.3.v[12], from 11) | "
            "attention(turn8(x[:, 0+32])[2+1], b.3.k[1], b.3.v[1], from 1)");
  EXPECT_EQ(y.rows(), 3);
  // Keys are turned before they are kept, values are not; and written before they are read.
  EXPECT_EQ(p.events, (std::vector<std::string>{
                          "a.3 at 10: k = turn8(x[:, 32+16])[0+2], v = x[:, 48+16][0+2]",
                          "a.3 read",
                          "b.3 at 0: k = turn8(x[:, 32+16])[2+1], v = x[:, 48+16][2+1]",
                          "b.3 read",
                      }));
  EXPECT_EQ(p.angles, (std::vector<float>{1, 2, 3}));
}

TEST(Composition, AttendSeesAllOfABlockThatIsNotCausal) {
  Formulas p;
  NamedSequence a("a");
  const AttendSpec spec{
      .heads = 4, .kv_heads = 2, .head_dim = 8, .scale = 1, .layer = 3, .rotated = 4};
  Batch batch;
  batch.segments = {{&a, 0, 2, false}, {&a, 2, 1}};
  EXPECT_EQ(text(compose::attend(p, term("x", 3, 64), spec, batch)),
            "attention(turn8:4(x[:, 0+32])[0+2], a.3.k[2], a.3.v[2], from 2) | "
            "attention(turn8:4(x[:, 0+32])[2+1], a.3.k[3], a.3.v[3], from 3)");
}

TEST(Composition, AttendFullStaysInItsBlocks) {
  Formulas p;
  const AttendSpec spec{.heads = 2, .kv_heads = 2, .head_dim = 3, .scale = 1};
  const Tensor x = term("x", 4, 18);
  EXPECT_EQ(text(compose::attend_full(p, x, spec, 2)),
            "attention(x[0+2][:, 0+6], x[0+2][:, 6+6], x[0+2][:, 12+6], from 2) | "
            "attention(x[2+2][:, 0+6], x[2+2][:, 6+6], x[2+2][:, 12+6], from 2)");
  EXPECT_TRUE(p.events.empty()) << "no cache";
  EXPECT_THROW(compose::attend_full(p, x, spec, 3), CheckFailure);
  EXPECT_THROW(compose::attend_full(p, x, spec, 0), CheckFailure);
}

}  // namespace
}  // namespace oc
