// The AVX-512 kernels once more, whose products of many tokens are those of Intel's matrix
// instructions (AMX: Xeons since Sapphire Rapids). Highway 1.0.3 has no such target, so this file
// gives the namespace of AVX3_DL, and with it all that is compiled here, another name.
#if defined(__x86_64__)

#define OC_AMX 1
#define N_AVX3_DL N_AVX3_AMX
#define HWY_WANT_AVX3_DL 1
#define OC_TARGETS HWY_AVX3_DL
#define HWY_BROKEN_EMU128 0  // see one_target-inl.h
#include "kernels/wanted_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/table_amx.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#if HWY_TARGET == HWY_AVX3_DL
#include "kernels/table-inl.h"
#endif

#if HWY_ONCE
#include <cpuid.h>

#include "base/system/processor.h"

namespace oc::kernels {

// Null where the processor has no int8 tiles, or the system does not let this program use them.
const Table* amx_table();
const Table* amx_table() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kTile = 1u << 24, kInt8 = 1u << 25;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kTile) == 0 || (d & kInt8) == 0)
    return nullptr;
  return request_matrix_tiles() ? N_AVX3_AMX::target_table() : nullptr;
}

}  // namespace oc::kernels
#endif

#endif
