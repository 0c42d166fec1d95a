// Before Highway's other headers: the targets that kernels are compiled for, of all that it knows.
// None of ours: vectors whose length is known at run time only (a vector's lanes are outputs, and
// their number a constant), SSE2 (it has no byte product), and what newer releases set apart for
// instructions that no kernel uses (AES, bf16). A file that wants fewer sets OC_TARGETS first.
#pragma once

// Highway 1.0.4 and later tell NEON with and without AES apart; before, there is one.
#define OC_NEON (HWY_NEON_WITHOUT_AES != 0 ? HWY_NEON_WITHOUT_AES : HWY_NEON)
#ifndef OC_TARGETS
#define OC_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX2 | HWY_AVX3 | HWY_AVX3_DL | OC_NEON)
#endif

// Looked at only where it is used, so the names of this header do. A name that it lacks counts as 0
// for the preprocessor.
#define HWY_DISABLED_TARGETS (~((OC_TARGETS) | HWY_EMU128 | HWY_SCALAR))
#include <hwy/detect_targets.h>

#ifndef HWY_NEON_WITHOUT_AES
#define HWY_NEON_WITHOUT_AES 0
#endif
