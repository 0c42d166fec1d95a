// The AVX2 kernels once more, with the byte dot product in 256-bit registers (AVX-VNNI: Intel's
// cores without AVX-512 since Alder Lake). Highway has no such target, so this file gives the
// namespace of AVX2, and with it all that is compiled here, another name.
#if defined(__x86_64__)

#define OC_AVX_VNNI 1
#define N_AVX2 N_AVX2_VNNI
#define OC_TARGETS HWY_AVX2
#define HWY_BROKEN_EMU128 0  // see one_target-inl.h
#include "kernels/wanted_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/table_avx_vnni.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#if HWY_TARGET == HWY_AVX2
#include "kernels/table-inl.h"
#endif

#if HWY_ONCE
namespace oc::kernels {

const Table* avx_vnni_table();
const Table* avx_vnni_table() { return N_AVX2_VNNI::target_table(); }

}  // namespace oc::kernels
#endif

#endif
