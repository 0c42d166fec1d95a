// Prepared weights point into the checkpoint.
#include "engines/cpu/weights.h"

#include "tests/engines/support.h"

namespace oc {
namespace {

TEST(CpuWeights, NothingIsCopied) {
  Materials make;
  const RawMatrix quant = make.quants(8, 64, 8, 32, DType::kBF16);
  const CpuMatrix q = prepare_matrix(quant).value();
  ASSERT_NE(q.quant(), nullptr);
  EXPECT_EQ(q.floats(), nullptr);
  EXPECT_EQ(static_cast<const void*>(q.quant()->weight), quant.weight.data.data());
  EXPECT_EQ(static_cast<const void*>(q.quant()->scales), quant.scales.data.data());
  EXPECT_EQ(static_cast<const void*>(q.quant()->biases), quant.biases.data.data());
  EXPECT_EQ(q.quant()->bits, 8);
  EXPECT_EQ(q.quant()->group, 32);
  EXPECT_EQ(q.quant()->meta, kernels::Storage::kBF16);
  EXPECT_EQ(q.rows, 8);
  EXPECT_EQ(q.cols, 64);

  const RawMatrix floats = make.floats(3, 5, DType::kF16);
  const CpuMatrix f = prepare_matrix(floats).value();
  ASSERT_NE(f.floats(), nullptr);
  EXPECT_EQ(f.quant(), nullptr);
  EXPECT_EQ(static_cast<const void*>(f.floats()->weight), floats.weight.data.data());
  EXPECT_EQ(f.floats()->type, kernels::Storage::kF16);
}

TEST(CpuWeights, RowsAreRoundedOnceWhereAllPartsAgree) {
  Materials make;
  const auto common = [&](std::vector<RawMatrix> raws) {
    CpuLinear linear;
    for (const RawMatrix& raw : raws) linear.parts.push_back(prepare_matrix(raw).value());
    const kernels::QuantMatrix* found = linear.common_quant();
    EXPECT_TRUE(found == nullptr || found == linear.parts[0].quant());
    return found != nullptr;
  };
  const RawMatrix four = make.quants(8, 128, 4, 64);
  EXPECT_TRUE(common({four}));
  EXPECT_TRUE(common({four, make.quants(16, 128, 4, 64, DType::kF32)}));
  EXPECT_FALSE(common({four, make.quants(8, 128, 8, 64)}));
  EXPECT_FALSE(common({four, make.quants(8, 128, 4, 32)}));
  EXPECT_FALSE(common({four, make.floats(8, 128)}));
  EXPECT_FALSE(common({make.floats(8, 128), four}));
  EXPECT_FALSE(common({make.floats(8, 128)}));
}

TEST(CpuWeights, WhatTheKernelsCannotRunIsRefused) {
  Materials make;
  RawMatrix odd = make.quants(8, 96, 4, 32);
  odd.quant->group_size = 64;
  EXPECT_THROW((void)prepare_matrix(odd), CheckFailure) << "columns in groups that do not fit";
  odd.quant->group_size = 48;
  EXPECT_THROW((void)prepare_matrix(odd), CheckFailure) << "groups that are no units";
  RawMatrix integers = make.floats(2, 2);
  integers.weight.dtype = DType::kI32;
  EXPECT_THROW((void)prepare_matrix(integers), CheckFailure);
}

TEST(CpuWeights, PartsOfOneMatrixMustFit) {
  Materials make;
  const auto engine = exact_cpu();
  const RawMatrix widths[] = {make.floats(4, 8), make.floats(4, 9)};
  EXPECT_THROW((void)engine->prepare_linear(widths), CheckFailure);
  const RawMatrix biases[] = {make.floats(4, 8, DType::kF32, true), make.floats(4, 8)};
  EXPECT_THROW((void)engine->prepare_linear(biases), CheckFailure);
  EXPECT_THROW((void)engine->prepare_linear({}), CheckFailure);
  const TensorView bias = make.vector(4, 0, 1);
  EXPECT_THROW((void)engine->prepare_norm(NormKind::kLayer, 0, bias, nullptr), CheckFailure);
  EXPECT_THROW((void)engine->prepare_norm(NormKind::kRms, 0, bias, &bias), CheckFailure);
}

}  // namespace
}  // namespace oc
