// AVX2.
#if defined(__x86_64__)
#define OC_TARGET HWY_AVX2
#define OC_TABLE avx2_table
#include "kernels/one_target-inl.h"
#endif
