// The oracle itself, against sums small enough to do by hand.
#include "engines/reference/reference_engine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace oc {
namespace {

class Reference : public testing::Test {
 protected:
  Tensor tensor(const std::vector<float>& values, std::int64_t rows, std::int64_t cols) {
    return engine_->upload(values, rows, cols);
  }
  std::vector<float> values(const Tensor& tensor) {
    std::vector<float> out(static_cast<std::size_t>(tensor.rows() * tensor.cols()));
    engine_->read(tensor, out);
    return out;
  }
  // A view over float32 values that the test keeps alive.
  TensorView view(const std::vector<float>& data, Shape shape) {
    return {"test", DType::kF32, std::move(shape), std::as_bytes(std::span(data)), "test"};
  }
  RawMatrix matrix(const std::vector<float>& data, std::int64_t rows, std::int64_t cols) {
    RawMatrix raw;
    raw.name = "test";
    raw.rows = rows;
    raw.cols = cols;
    raw.weight = view(data, Shape{rows, cols});
    return raw;
  }
  void expect_near(const std::vector<float>& got, const std::vector<double>& expected) {
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-6) << i;
  }

  std::shared_ptr<Engine> engine_ = make_reference_engine();
};

TEST_F(Reference, LinearWithBiasActivationAndResidual) {
  const std::vector<float> w = {1, 2, 3, 4}, bias = {0.5f, -1};
  RawMatrix raw = matrix(w, 2, 2);
  raw.bias = view(bias, Shape{2});
  const LinearPtr linear = *engine_->prepare_linear(std::span(&raw, 1));
  const Tensor x = tensor({1, -1}, 1, 2);
  expect_near(values(engine_->linear(x, *linear, {})), {-0.5, -2.0});
  const auto silu = [](double v) { return v / (1 + std::exp(-v)); };
  expect_near(values(engine_->linear(
                  x, *linear, {.activation = Activation::kSilu, .add = tensor({10, 20}, 1, 2)})),
              {10 + silu(-0.5), 20 + silu(-2.0)});
  const auto quick = [](double v) { return v / (1 + std::exp(-1.702 * v)); };
  expect_near(values(engine_->linear(x, *linear, {.activation = Activation::kQuickGelu})),
              {quick(-0.5), quick(-2.0)});
  const auto gelu = [](double v) { return v * 0.5 * std::erfc(-v / std::sqrt(2.0)); };
  expect_near(values(engine_->linear(x, *linear, {.activation = Activation::kGelu})),
              {gelu(-0.5), gelu(-2.0)});
  const auto gelu_tanh = [](double v) {
    return v / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
  };
  expect_near(values(engine_->linear(x, *linear, {.activation = Activation::kGeluTanh})),
              {gelu_tanh(-0.5), gelu_tanh(-2.0)});
}

TEST_F(Reference, StackedMatrices) {
  const std::vector<float> a = {1, 0}, b = {0, 1};
  const RawMatrix parts[] = {matrix(a, 1, 2), matrix(b, 1, 2)};
  const LinearPtr linear = *engine_->prepare_linear(parts);
  EXPECT_EQ(linear->rows, 2);
  expect_near(values(engine_->linear(tensor({3, 7}, 1, 2), *linear, {})), {3, 7});
}

TEST_F(Reference, Norms) {
  const std::vector<float> weight = {2, 1}, bias = {0, 1};
  const TensorView w = view(weight, Shape{2}), b = view(bias, Shape{2});
  const NormPtr rms = *engine_->prepare_norm(NormKind::kRms, 1e-5f, w, nullptr);
  const double scale = 1 / std::sqrt((9.0 + 16) / 2 + 1e-5);
  expect_near(values(engine_->norm(tensor({3, 4}, 1, 2), *rms)), {3 * scale * 2, 4 * scale});
  const NormPtr layer = *engine_->prepare_norm(NormKind::kLayer, 1e-5f, w, &b);
  const double unit = 0.5 / std::sqrt(0.25 + 1e-5);
  expect_near(values(engine_->norm(tensor({3, 4}, 1, 2), *layer)), {-unit * 2, unit + 1});
}

TEST_F(Reference, CausalAttentionSeesThePastOnlyAndTheCacheContinues) {
  const AttendSpec spec{.heads = 1, .kv_heads = 1, .head_dim = 2, .scale = 1, .layer = 0};
  const auto batch_of = [](KvSequence& kv, std::int64_t position, std::int64_t length) {
    Batch batch;
    batch.segments = {{&kv, position, length}};
    batch.rope_cos.assign(static_cast<std::size_t>(length), 1.0f);
    batch.rope_sin.assign(static_cast<std::size_t>(length), 0.0f);
    return batch;
  };
  // Rows: q (1, 0), k (row, 0), v (row, 1).
  const std::vector<float> rows = {1, 0, 0, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 2, 0, 2, 1};
  auto whole = engine_->make_sequence({1, 1, 2});
  const auto all = values(engine_->attend(tensor(rows, 3, 6), spec, batch_of(*whole, 0, 3)));
  const double e = std::exp(1.0), e2 = std::exp(2.0);
  expect_near(all, {0, 1, e / (1 + e), 1, (e + 2 * e2) / (1 + e + e2), 1});

  auto parts = engine_->make_sequence({1, 1, 2});
  engine_->attend(tensor({rows.begin(), rows.begin() + 12}, 2, 6), spec, batch_of(*parts, 0, 2));
  parts->advance(2);
  auto fork = parts->fork(2);
  for (KvSequence* kv : {parts.get(), fork.get()}) {
    const auto last = values(
        engine_->attend(tensor({rows.begin() + 12, rows.end()}, 1, 6), spec, batch_of(*kv, 2, 1)));
    EXPECT_EQ(last, (std::vector<float>{all[4], all[5]}));
  }
}

TEST_F(Reference, RotationTurnsPairsHalfAHeadApart) {
  const AttendSpec spec{.heads = 1, .kv_heads = 1, .head_dim = 2, .scale = 1, .layer = 0};
  auto kv = engine_->make_sequence({1, 1, 2});
  Batch batch;
  batch.segments = {{kv.get(), 0, 2}};
  batch.rope_cos = {1, 0};  // the second row is turned by 90 degrees: (a, b) → (−b, a)
  batch.rope_sin = {0, 1};
  // Second row: q (1, 0) → (0, 1), k (0, 1) → (−1, 0); first row: k (0, 3). Scores 3 and 0.
  const auto out =
      values(engine_->attend(tensor({1, 0, 0, 3, 1, 0, 1, 0, 0, 1, 0, 1}, 2, 6), spec, batch));
  const double w = std::exp(3.0) / (std::exp(3.0) + 1);
  EXPECT_NEAR(out[2], w, 1e-6);
  EXPECT_NEAR(out[3], 1 - w, 1e-6);
}

TEST_F(Reference, FullAttentionStaysInItsBlock) {
  const AttendSpec spec{.heads = 1, .kv_heads = 1, .head_dim = 1, .scale = 1, .layer = 0};
  // q, k, v of four rows in two blocks; k = 0 everywhere: the mean of v within the block.
  const auto out =
      values(engine_->attend_full(tensor({1, 0, 1, 1, 0, 3, 1, 0, 10, 1, 0, 30}, 4, 3), spec, 2));
  expect_near(out, {2, 2, 20, 20});
}

TEST_F(Reference, EmbedGatherAndTable) {
  const std::vector<float> rows = {1, 2, 3, 4, 5, 6};
  const TablePtr table = *engine_->prepare_table(matrix(rows, 3, 2));
  const std::int32_t ids[] = {2, -2, 0};
  const Tensor images = tensor({7, 7, 8, 8}, 2, 2);
  const Tensor x = engine_->embed(*table, ids, images);
  EXPECT_EQ(values(x), (std::vector<float>{5, 6, 8, 8, 1, 2}));
  const Tensor sources[] = {x, images};
  const std::int64_t wanted[] = {4, 0, 3, 3};
  const Tensor gathered = engine_->gather(sources, wanted, 2);
  EXPECT_EQ(gathered.rows(), 2);
  EXPECT_EQ(values(gathered), (std::vector<float>{8, 8, 5, 6, 7, 7, 7, 7}));
  EXPECT_EQ(values(engine_->add_table(tensor({0, 0, 0, 0, 0, 0, 1, 1}, 4, 2), *table)),
            (std::vector<float>{1, 2, 3, 4, 5, 6, 2, 3}));
}

TEST_F(Reference, GatedMlp) {
  const std::vector<float> gate_up = {1, 2}, down = {3}, one = {1};
  const RawMatrix gu = matrix(gate_up, 2, 1), d = matrix(down, 1, 1);
  const LinearPtr g = *engine_->prepare_linear(std::span(&gu, 1));
  const LinearPtr w = *engine_->prepare_linear(std::span(&d, 1));
  const TensorView norm_weight = view(one, Shape{1});
  const NormPtr norm = *engine_->prepare_norm(NormKind::kRms, 0, norm_weight, nullptr);
  // norm(5) = 1: 5 + 3 · silu(1) · 2
  const double silu = 1 / (1 + std::exp(-1.0));
  expect_near(values(engine_->gated_mlp(tensor({5}, 1, 1), *norm, *g, *w)), {5 + 6 * silu});
}

}  // namespace
}  // namespace oc
