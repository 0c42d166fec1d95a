#include "engines/mlx/weights.h"

namespace oc {
namespace {

mx::Shape two(std::int64_t rows, std::int64_t cols) { return {dim(rows), dim(cols)}; }

}  // namespace

MlxMatrix mlx_matrix(const RawMatrix& raw, bool f32) {
  const auto with_bias = [&](MlxMatrix made) {
    if (raw.bias) made.bias = convert_array(*raw.bias, {dim(raw.rows)}, made.type);
    return made;
  };
  const DType stored = raw.quant ? raw.scales.dtype : raw.weight.dtype;
  const mx::Dtype type = f32 ? mx::float32 : type_of(stored);
  const mx::Shape shape = two(raw.rows, raw.cols);
  if (!raw.quant)
    return with_bias({.weight = convert_array(raw.weight, shape, type),
                      .scales = {},
                      .biases = {},
                      .quant = {},
                      .bias = {},
                      .type = type});
  OC_CHECK(raw.cols % raw.quant->group_size == 0, "{}: {} columns in groups of {}", raw.name,
           raw.cols, raw.quant->group_size);
  const mx::Shape groups = two(raw.rows, raw.cols / raw.quant->group_size);
  return with_bias(
      {.weight = copy_array(raw.weight, two(raw.rows, raw.cols * raw.quant->bits / 32)),
       .scales = convert_array(raw.scales, groups, type),
       .biases = convert_array(raw.biases, groups, type),
       .quant = *raw.quant,
       .bias = {},
       .type = type});
}

}  // namespace oc
