// AVX-512.
#if defined(__x86_64__)
#define OC_TARGET HWY_AVX3
#define OC_TABLE avx3_table
#include "kernels/one_target-inl.h"
#endif
