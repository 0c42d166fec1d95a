// All bodies of a target, and the table of them.
#if defined(OC_KERNELS_TABLE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_TABLE_INL_H_
#undef OC_KERNELS_TABLE_INL_H_
#else
#define OC_KERNELS_TABLE_INL_H_
#endif

#include "kernels/attention-inl.h"
#include "kernels/attention_int16-inl.h"
#include "kernels/elementwise-inl.h"
#include "kernels/kernels.h"
#include "kernels/limits-inl.h"
#include "kernels/matmul_f32-inl.h"
#include "kernels/matmul_int8-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

const Table* target_table() {
  static const Table table = {
      .name = {},
      .lanes = static_cast<int>(hn::Lanes(DF())),
      .widest_panel = OC_HAS_AMX ? kAmxPanel : 8,
      .quantize_row = quantize_row,
      .matmul_int8 = matmul_int8,
      .matmul_quant_f32 = matmul_quant_f32,
      .matmul_f32 = matmul_f32,
      .normalize = normalize,
      .silu_multiply = silu_multiply,
      .rotate = rotate,
      .to_f16 = to_f16,
      .to_q8 = to_q8,
      .attention = attention,
      .full_attention = full_attention,
      .peak_int8 = peak_int8,
      .peak_f32 = peak_f32,
      .read_all = read_all,
  };
  return &table;
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
