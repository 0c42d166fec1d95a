// Every op in full precision against the reference engine: of the cpu engine on every target, and
// of mlx where this build has it.
#include "tests/engines/support.h"

namespace oc {
namespace {

// Two float32 sums of the same terms: a few units of 2^-24 for each of some hundred terms.
constexpr double kSlack = 5e-6;

class ExactOps : public testing::TestWithParam<std::string> {
 protected:
  // The same op on both engines, from the same values.
  Tensor mine(const std::vector<float>& x, std::int64_t rows) { return put(*mine_, x, rows); }
  static Tensor put(Engine& engine, const std::vector<float>& x, std::int64_t rows) {
    return engine.upload(x, rows, static_cast<std::int64_t>(x.size()) / rows);
  }
  template <class Op>
  void expect_same(const Op& op, double slack, const std::string& what) {
    const std::vector<float> got = values(*mine_, op(*mine_)), want = values(*ref_, op(*ref_));
    EXPECT_TRUE(close(got, want, slack)) << what;
  }

  std::shared_ptr<Engine> mine_ = exact_engine(GetParam()), ref_ = reference();
  Materials make_;
};

TEST_P(ExactOps, LinearOverEveryKindOfWeight) {
  std::vector<std::pair<std::string, RawMatrix>> kinds;
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16}) {
    kinds.emplace_back(to_string(type), make_.floats(67, 45, type));
    kinds.emplace_back(to_string(type), make_.floats(33, 128, type, true));
  }
  for (const int bits : {4, 8})
    for (const int group : {32, 64, 128})
      for (const DType meta : {DType::kF16, DType::kBF16, DType::kF32})
        kinds.emplace_back(fmt::format("{} bits, groups of {}", bits, group),
                           make_.quants(67, 256, bits, group, meta, bits == 8));
  for (const auto& [name, raw] : kinds)
    for (const std::int64_t rows : {1, 2, 19}) {
      const std::vector<float> x = make_.normals(rows * raw.cols);
      expect_same([&](Engine& e) { return e.linear(put(e, x, rows), *prepared(e, raw), {}); },
                  kSlack, fmt::format("{}, {} rows", name, rows));
    }
}

TEST_P(ExactOps, LinearWithEverythingFoldedIn) {
  const std::int64_t rows = 9, width = 96;
  const RawMatrix raw = make_.quants(80, width, 4, 32, DType::kF16, true);
  const TensorView norm_weight = make_.vector(width, 1, 0.2f, DType::kBF16);
  const TensorView norm_bias = make_.vector(width, 0, 0.2f);
  const std::vector<float> x = make_.normals(rows * width), add = make_.normals(rows * 80);
  for (const NormKind kind : {NormKind::kRms, NormKind::kLayer})
    for (const Activation activation :
         {Activation::kNone, Activation::kQuickGelu, Activation::kGelu, Activation::kGeluTanh,
          Activation::kSilu})
      for (const bool adding : {false, true})
        expect_same(
            [&](Engine& e) {
              const NormPtr norm = e.prepare_norm(kind, 1e-5f, norm_weight,
                                                  kind == NormKind::kLayer ? &norm_bias : nullptr)
                                       .value();
              return e.linear(put(e, x, rows), *prepared(e, raw),
                              {.norm = norm.get(),
                               .activation = activation,
                               .add = adding ? put(e, add, rows) : Tensor()});
            },
            kSlack,
            fmt::format("norm {}, activation {}, add {}", static_cast<int>(kind),
                        static_cast<int>(activation), adding));
}

TEST_P(ExactOps, LinearOverStackedMatrices) {
  // q, k, v of different heights, each with its bias; quantised and not side by side.
  const RawMatrix same[] = {make_.quants(24, 64, 4, 32, DType::kF16, true),
                            make_.quants(8, 64, 4, 32, DType::kBF16, true),
                            make_.quants(41, 64, 4, 32, DType::kF32, true)};
  const RawMatrix mixed[] = {make_.quants(24, 64, 4, 32, DType::kF16, true),
                             make_.quants(8, 64, 8, 64, DType::kF16, true),
                             make_.floats(41, 64, DType::kBF16, true)};
  for (const std::span<const RawMatrix> parts : {std::span(same), std::span(mixed)})
    for (const std::int64_t rows : {1, 17}) {
      const std::vector<float> x = make_.normals(rows * 64), add = make_.normals(rows * 73);
      expect_same(
          [&](Engine& e) {
            const LinearPtr w = e.prepare_linear(parts).value();
            EXPECT_EQ(w->rows, 73);
            EXPECT_EQ(w->cols, 64);
            return e.linear(put(e, x, rows), *w, {.add = put(e, add, rows)});
          },
          kSlack, fmt::format("{} rows", rows));
    }
}

TEST_P(ExactOps, GatedMlp) {
  const TensorView weight = make_.vector(64, 1, 0.2f);
  const RawMatrix gate_up = make_.quants(2 * 96, 64, 4, 64), down = make_.quants(64, 96, 8, 32);
  const RawMatrix float_gate_up = make_.floats(2 * 96, 64, DType::kBF16);
  for (const std::int64_t rows : {1, 11})
    for (const RawMatrix* first : {&gate_up, &float_gate_up}) {
      const std::vector<float> x = make_.normals(rows * 64, 3);
      expect_same(
          [&](Engine& e) {
            const NormPtr norm = e.prepare_norm(NormKind::kRms, 1e-5f, weight, nullptr).value();
            return e.gated_mlp(put(e, x, rows), *norm, *prepared(e, *first), *prepared(e, down));
          },
          kSlack, fmt::format("{} rows", rows));
    }
}

TEST_P(ExactOps, Norm) {
  for (const std::int64_t width : {1, 7, 64, 100}) {
    const TensorView weight = make_.vector(width, 1, 0.2f), bias = make_.vector(width, 0, 1);
    const std::vector<float> x = make_.normals(20 * width, 5);
    for (const bool layer : {false, true})
      expect_same(
          [&](Engine& e) {
            const NormPtr norm = e.prepare_norm(layer ? NormKind::kLayer : NormKind::kRms, 1e-5f,
                                                weight, layer ? &bias : nullptr)
                                     .value();
            return e.norm(put(e, x, 20), *norm);
          },
          kSlack, fmt::format("width {}, layer {}", width, layer));
  }
}

TEST_P(ExactOps, EmbedGatherAndTable) {
  for (const RawMatrix& raw : {make_.floats(10, 64, DType::kBF16), make_.quants(10, 64, 4, 64),
                               make_.quants(10, 64, 8, 32)}) {
    const std::vector<float> images = make_.normals(3 * 64), x = make_.normals(25 * 64);
    const std::int32_t ids[] = {9, -3, 0, -1, 0, 5};
    expect_same(
        [&](Engine& e) { return e.embed(*e.prepare_table(raw).value(), ids, put(e, images, 3)); },
        0, "embed");
    const std::int32_t text_only[] = {1, 2};
    expect_same(
        [&](Engine& e) { return e.embed(*e.prepare_table(raw).value(), text_only, Tensor()); }, 0,
        "embed without images");
    // Two and a half times the table's 10 rows.
    expect_same(
        [&](Engine& e) { return e.add_table(put(e, x, 25), *e.prepare_table(raw).value()); }, 0,
        "add_table");
    const std::int64_t wanted[] = {27, 0, 24, 25, 3, 3};
    for (const int group : {1, 2, 3})
      expect_same(
          [&](Engine& e) {
            const Tensor sources[] = {put(e, x, 25), put(e, images, 3)};
            return e.gather(sources, wanted, group);
          },
          0, "gather");
  }
}

// A handle that somebody else still holds is not written to; one that was moved in may be.
TEST_P(ExactOps, SharedTensorsKeepTheirValues) {
  const std::int64_t rows = 3, width = 64;
  const TensorView one = make_.vector(width, 1, 0.1f);
  const NormPtr norm = mine_->prepare_norm(NormKind::kRms, 1e-5f, one, nullptr).value();
  const LinearPtr square = prepared(*mine_, make_.floats(width, width));
  const LinearPtr gate_up = prepared(*mine_, make_.floats(2 * 32, width));
  const LinearPtr down = prepared(*mine_, make_.floats(width, 32));
  const TablePtr table = mine_->prepare_table(make_.floats(2, width)).value();
  const std::vector<float> x = make_.normals(rows * width), r = make_.normals(rows * width);
  const auto check = [&](const char* what, auto op) {
    const Tensor kept = mine(x, rows), residual = mine(r, rows);
    const std::vector<float> shared = values(*mine_, op(Tensor(kept), Tensor(residual)));
    EXPECT_TRUE(same_bytes(values(*mine_, kept), x)) << what;
    EXPECT_TRUE(same_bytes(values(*mine_, residual), r)) << what;
    EXPECT_TRUE(same_bytes(values(*mine_, op(mine(x, rows), mine(r, rows))), shared)) << what;
  };
  check("norm", [&](Tensor a, Tensor) { return mine_->norm(std::move(a), *norm); });
  check("add_table", [&](Tensor a, Tensor) { return mine_->add_table(std::move(a), *table); });
  check("gated_mlp",
        [&](Tensor a, Tensor) { return mine_->gated_mlp(std::move(a), *norm, *gate_up, *down); });
  check("linear", [&](Tensor a, Tensor b) {
    return mine_->linear(std::move(a), *square, {.norm = norm.get(), .add = std::move(b)});
  });
  // x + x · Wᵀ with one and the same handle.
  const Tensor same = mine(x, rows);
  const std::vector<float> sum = values(*mine_, mine_->linear(same, *square, {.add = same}));
  EXPECT_TRUE(same_bytes(
      sum, values(*mine_, mine_->linear(mine(x, rows), *square, {.add = mine(x, rows)}))));
  EXPECT_TRUE(same_bytes(values(*mine_, same), x));
}

TEST_P(ExactOps, WrongShapesAreOurMistake) {
  const LinearPtr w = prepared(*mine_, make_.floats(8, 4));
  const TablePtr table = mine_->prepare_table(make_.floats(3, 4)).value();
  const std::vector<float> numbers(20);
  const Tensor x = mine(numbers, 5), wide = mine(numbers, 4);  // [5, 4], [4, 5]
  EXPECT_THROW(mine_->linear(wide, *w, {}), CheckFailure);
  EXPECT_THROW(mine_->linear(x, *w, {.add = x}), CheckFailure);
  EXPECT_THROW(mine_->add_table(wide, *table), CheckFailure);
  for (const std::int32_t id : {3, -6})
    EXPECT_THROW(mine_->embed(*table, std::span(&id, 1), x), CheckFailure) << id;
  const std::int32_t image = -1;
  EXPECT_THROW(mine_->embed(*table, std::span(&image, 1), Tensor()), CheckFailure);
  for (const std::int64_t row : {-1, 5})
    EXPECT_THROW(mine_->gather(std::span(&x, 1), std::span(&row, 1), 1), CheckFailure) << row;
  EXPECT_THROW(mine_->upload(numbers, 3, 7), CheckFailure);
  std::vector<float> out(19);
  EXPECT_THROW(mine_->read(x, out), CheckFailure);
  EXPECT_THROW(
      mine_->norm(ref_->upload(numbers, 5, 4),
                  *mine_->prepare_norm(NormKind::kRms, 0, make_.vector(4, 1, 0), nullptr).value()),
      CheckFailure)
      << "a tensor of another engine";
}

INSTANTIATE_TEST_SUITE_P(Engine, ExactOps, testing::ValuesIn(exact_engines()), isa_name);

}  // namespace
}  // namespace oc
