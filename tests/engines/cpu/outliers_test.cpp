#include "engines/cpu/outliers.h"

#include <limits>

#include "tests/engines/support.h"

namespace oc {
namespace {

constexpr float kNone = std::numeric_limits<float>::infinity();

std::vector<std::int64_t> columns(const std::vector<Outlier>& outliers) {
  std::vector<std::int64_t> out;
  for (const Outlier& one : outliers) out.push_back(one.col);
  return out;
}

TEST(Outliers, AreFarAboveTheMedianUnit) {
  // Scales of five units, two apart: the median's is 2.
  const auto limit = [](float largest) {
    const float scales[] = {2, 0, largest, 0, 1, 0, 3, 0, 1, 0};
    return outlier_limit(scales, 5, 2);
  };
  EXPECT_EQ(limit(4), kNone);
  EXPECT_EQ(limit(128), kNone);
  EXPECT_EQ(limit(129), 64 * 2 * 127);
  EXPECT_EQ(limit(1e9f), 64 * 2 * 127);
  const float one[] = {5}, two[] = {1, 100}, zeros[] = {0, 0, 0};
  EXPECT_EQ(outlier_limit(one, 1, 1), kNone);
  EXPECT_EQ(outlier_limit(two, 2, 1), 64 * 127);
  EXPECT_EQ(outlier_limit(zeros, 3, 1), kNone);
}

TEST(Outliers, LeaveZerosAndAtMostTheLargestGo) {
  std::vector<float> row = {1, -50, 3, 20, -2};
  const std::vector<Outlier> taken = take_outliers(row, 10);
  EXPECT_EQ(columns(taken), (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ(taken[0].value, -50);
  EXPECT_EQ(row, (std::vector<float>{1, 0, 3, 0, -2}));

  std::vector<float> many(64, 11);
  many[40] = -12;
  EXPECT_EQ(columns(take_outliers(many, 10)), (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 40}));
  EXPECT_EQ(many[7], 11);
}

class OutlierProducts : public testing::TestWithParam<std::string> {
 protected:
  static constexpr std::int64_t kCols = 640, kOutputs = 150, kRows = 70;
  static std::shared_ptr<Engine> engine(const std::string& activations, int threads = 2) {
    return engine_of(
        {.engine = "cpu", .threads = threads, .activations = activations, .isa = GetParam()});
  }
  static std::size_t at(std::int64_t row, std::int64_t col) {
    return static_cast<std::size_t>(row * kCols + col);
  }
  static std::vector<float> rows_of(const std::vector<float>& all, std::int64_t width,
                                    std::int64_t first, std::int64_t count) {
    return {all.begin() + first * width, all.begin() + (first + count) * width};
  }

  Materials make_;
};

TEST_P(OutlierProducts, TheirNeighboursAreNotLost) {
  for (const int bits : {4, 8})
    for (const int group : {32, 64, 128})
      for (const DType meta : {DType::kF16, DType::kBF16, DType::kF32}) {
        const RawMatrix raw = make_.quants(kOutputs, kCols, bits, group, meta);
        std::vector<float> x = make_.normals(3 * kCols), alone(x.size());
        // Two in one unit, one far away.
        for (const auto& [col, value] : {std::pair{70, 4000.0f}, {75, -900.0f}, {639, 2500.0f}})
          x[at(1, col)] = alone[at(1, col)] = value;
        const auto run = [&](const std::string& activations, const std::vector<float>& rows) {
          const auto e = engine(activations);
          return values(*e, e->linear(e->upload(rows, 3, kCols), *prepared(*e, raw), {}));
        };
        // The rest's part of the result.
        std::vector<float> got = run("int8", x), want = run("f32", x);
        const std::vector<float> of_outliers = run("f32", alone);
        for (std::size_t i = 0; i < got.size(); ++i) {
          got[i] -= of_outliers[i];
          want[i] -= of_outliers[i];
        }
        EXPECT_LT(relative_error(got, want), 0.0075) << bits << " bits, groups of " << group;
      }
}

TEST_P(OutlierProducts, SameBytesAloneInCompanyAndOnAnyNumberOfThreads) {
  std::vector<float> x = make_.normals(kRows * kCols), plain = x;
  for (const auto& [row, col] : {std::pair{0, 3}, {0, 600}, {41, 127}, {69, 128}})
    x[at(row, col)] = 3000;
  const std::vector<float> add = make_.normals(kRows * kOutputs);
  const RawMatrix parts[] = {make_.quants(kOutputs - 37, kCols, 4, 64, DType::kF16, true),
                             make_.quants(37, kCols, 4, 64, DType::kF16, true)};
  const auto run = [&](const std::vector<float>& rows, int threads, std::int64_t first,
                       std::int64_t count) {
    const auto e = engine("int8", threads);
    const LinearPtr w = e->prepare_linear(parts).value();
    return values(
        *e, e->linear(e->upload(rows_of(rows, kCols, first, count), count, kCols), *w,
                      {.add = e->upload(rows_of(add, kOutputs, first, count), count, kOutputs)}));
  };
  const std::vector<float> all = run(x, 1, 0, kRows);
  for (const int threads : {1, 2, 4})
    for (const auto& [first, count] :
         {std::pair{0, 1}, {0, 2}, {41, 1}, {40, 4}, {64, 6}, {69, 1}, {1, 69}, {0, 70}})
      ASSERT_TRUE(same_bytes(run(x, threads, first, count), rows_of(all, kOutputs, first, count)))
          << threads << " threads, rows from " << first << ", " << count;
  // Rows without any are what they were.
  const std::vector<float> without = run(plain, 2, 0, kRows);
  EXPECT_TRUE(same_bytes(rows_of(all, kOutputs, 1, 40), rows_of(without, kOutputs, 1, 40)));
  EXPECT_FALSE(same_bytes(rows_of(all, kOutputs, 41, 1), rows_of(without, kOutputs, 41, 1)));
}

TEST_P(OutlierProducts, AGatedPairIsTheSameBytesInCompany) {
  constexpr std::int64_t kWidth = 128, kMlp = 320, kTokens = 20;
  RawMatrix gate_up = make_.floats(2 * kMlp, kWidth);
  const RawMatrix down = make_.quants(kWidth, kMlp, 4, 64);
  std::vector<float> x = make_.normals(kTokens * kWidth);
  std::vector<float> wide = make_.normals(2 * kMlp * kWidth, 0.1f);
  // Gate and up of one column follow x's first number, which is large in two rows.
  for (const std::int64_t row : {std::int64_t{7}, kMlp + 7})
    wide[static_cast<std::size_t>(row * kWidth)] = 40;
  for (const std::int64_t row : {0, 11}) x[static_cast<std::size_t>(row * kWidth)] = 9;
  gate_up.weight = make_.view(wide, DType::kF32, Shape{2 * kMlp, kWidth});
  const TensorView ones = make_.vector(kWidth, 1, 0);
  const auto run = [&](const std::string& activations, std::int64_t first, std::int64_t count) {
    const auto e = engine(activations);
    const NormPtr norm = e->prepare_norm(NormKind::kRms, 1e-5f, ones, nullptr).value();
    return values(*e, e->gated_mlp(e->upload(rows_of(x, kWidth, first, count), count, kWidth),
                                   *norm, *prepared(*e, gate_up), *prepared(*e, down)));
  };
  const std::vector<float> all = run("int8", 0, kTokens), exact = run("f32", 0, kTokens);
  for (const std::int64_t row : {0, 1, 11})
    EXPECT_TRUE(same_bytes(run("int8", row, 1), rows_of(all, kWidth, row, 1))) << row;
  EXPECT_TRUE(same_bytes(run("int8", 9, 5), rows_of(all, kWidth, 9, 5)));
  // An outlier is met in float32, so a row that it rules is nearly exact.
  EXPECT_GT(std::abs(exact[0]), 100);
  EXPECT_LT(relative_error(rows_of(all, kWidth, 11, 1), rows_of(exact, kWidth, 11, 1)), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Target, OutlierProducts, testing::ValuesIn(kernels::available_targets()),
                         isa_name);

}  // namespace
}  // namespace oc
