// The NEON kernels once more, with the dot product of Armv8.2 (FEAT_DotProd; every server core
// since Neoverse N1, every Apple core). Highway has no such target, so this file gives the
// namespace of its NEON, and with it all that is compiled here, another name. The compiler may use
// the instructions within these namespaces only: with a flag for the file, inline functions that it
// shares with others would hold them too, and the linker could take those for all processors.
#if defined(__aarch64__)

#define OC_NEON_DOT 1
#define N_NEON N_NEON_DOT
#define N_NEON_WITHOUT_AES N_NEON_DOT
#define HWY_COMPILE_ONLY_STATIC
#include "kernels/wanted_targets.h"
// Highway comes behind those.
#include <hwy/highway.h>

#undef HWY_BEFORE_NAMESPACE
#undef HWY_AFTER_NAMESPACE
#undef HWY_ATTR
#if defined(__clang__)
#define OC_DOT_TARGET "dotprod"
#else
#define OC_DOT_TARGET "+crypto+dotprod"  // g++: and what Highway's own functions are compiled for
#endif
#define HWY_BEFORE_NAMESPACE() HWY_PUSH_ATTRIBUTES(OC_DOT_TARGET) static_assert(true, "")
#define HWY_AFTER_NAMESPACE() HWY_POP_ATTRIBUTES static_assert(true, "")
#define HWY_ATTR __attribute__((target(OC_DOT_TARGET)))

#include "kernels/table-inl.h"

namespace oc::kernels {

const Table* neon_dot_table();
const Table* neon_dot_table() { return N_NEON_DOT::target_table(); }

}  // namespace oc::kernels

#endif
