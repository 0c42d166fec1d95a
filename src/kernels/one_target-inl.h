// The table of one SIMD target, in a file of its own: files compile side by side. Before it is
// included, OC_TARGET is Highway's name of the target and OC_TABLE the function that gives the
// table.
#define OC_TARGETS OC_TARGET
#define HWY_WANT_AVX3_DL 1  // AVX-512 with VNNI
// Highway avoids its portable target with g++ before 12.3 because the vectoriser miscompiles it
// (gcc.gnu.org/PR106322); CMakeLists.txt turns the vectoriser off for these files instead.
#define HWY_BROKEN_EMU128 0
#include "kernels/wanted_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/one_target-inl.h"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#if HWY_TARGET == OC_TARGET
#include "kernels/table-inl.h"

namespace oc::kernels {

const Table* OC_TABLE();
const Table* OC_TABLE() { return HWY_NAMESPACE::target_table(); }

}  // namespace oc::kernels
#endif
