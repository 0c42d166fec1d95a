// Before Highway's headers: vectors whose length is known at run time only are none of ours (a
// vector's lanes are outputs, and their number a constant). g++ would compile the kernels for them.
#pragma once

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
