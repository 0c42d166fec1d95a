// AVX-512 with VNNI.
#if defined(__x86_64__)
#define OC_TARGET HWY_AVX3_DL
#define OC_TABLE avx3_dl_table
#include "kernels/one_target-inl.h"
#endif
