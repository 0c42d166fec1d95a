#include "engines/cpu/weights.h"

#include <cstring>

namespace oc {
namespace {

float meta_at(const std::uint8_t* values, kernels::Storage type, std::int64_t index) {
  if (type == kernels::Storage::kF32) {
    float value = 0;
    std::memcpy(&value, values + index * 4, sizeof value);
    return value;
  }
  std::uint16_t half = 0;
  std::memcpy(&half, values + index * 2, sizeof half);
  return type == kernels::Storage::kF16 ? f16_to_f32(half) : bf16_to_f32(half);
}

}  // namespace

kernels::Storage storage_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return kernels::Storage::kF32;
    case DType::kF16:
      return kernels::Storage::kF16;
    case DType::kBF16:
      return kernels::Storage::kBF16;
    default:
      break;
  }
  OC_CHECK(false, "{} is not a float type", to_string(dtype));
  return kernels::Storage::kF32;
}

const kernels::QuantMatrix* CpuLinear::common_quant() const {
  const kernels::QuantMatrix* first = parts[0].quant();
  for (const CpuMatrix& part : parts) {
    const kernels::QuantMatrix* quant = part.quant();
    if (first == nullptr || quant == nullptr || quant->bits != first->bits ||
        quant->group != first->group)
      return nullptr;
  }
  return first;
}

float number_at(const kernels::QuantMatrix& w, std::int64_t row, std::int64_t col) {
  OC_CHECK(w.float_cols == 0, "floats that are rounded have no numbers in memory");
  const std::uint8_t* packed = w.weight + row * w.cols * w.bits / 8;
  const int q = w.bits == 8 ? packed[col] : (packed[col / 2] >> (4 * (col % 2))) & 15;
  const std::int64_t group = row * (w.cols / w.group) + col / w.group;
  return meta_at(w.scales, w.meta, group) * static_cast<float>(q) +
         meta_at(w.biases, w.meta, group);
}

Result<CpuMatrix> prepare_matrix(const RawMatrix& raw, bool round) {
  CpuMatrix out;
  out.rows = raw.rows;
  out.cols = raw.cols;
  const auto bytes = [](const TensorView& view) {
    return reinterpret_cast<const std::uint8_t*>(view.data.data());
  };
  if (round) {
    OC_CHECK(!raw.quant, "{}: rounded twice", raw.name);
    constexpr int kGroup = kernels::kMaxUnit;
    out.data = kernels::QuantMatrix{.weight = bytes(raw.weight),
                                    .meta = kernels::Storage::kF32,
                                    .bits = 8,
                                    .group = kGroup,
                                    .rows = raw.rows,
                                    .cols = (raw.cols + kGroup - 1) / kGroup * kGroup,
                                    .float_cols = raw.cols,
                                    .float_type = storage_of(raw.weight.dtype)};
    return out;
  }
  if (!raw.quant) {
    out.data = kernels::FloatMatrix{.weight = bytes(raw.weight),
                                    .type = storage_of(raw.weight.dtype),
                                    .rows = raw.rows,
                                    .cols = raw.cols};
    return out;
  }
  OC_CHECK(raw.cols % raw.quant->group_size == 0 && raw.quant->group_size % kernels::kChunk == 0,
           "{}: {} columns in groups of {}", raw.name, raw.cols, raw.quant->group_size);
  out.data = kernels::QuantMatrix{.weight = bytes(raw.weight),
                                  .scales = bytes(raw.scales),
                                  .biases = bytes(raw.biases),
                                  .meta = storage_of(raw.scales.dtype),
                                  .bits = raw.quant->bits,
                                  .group = raw.quant->group_size,
                                  .rows = raw.rows,
                                  .cols = raw.cols};
  return out;
}

}  // namespace oc
