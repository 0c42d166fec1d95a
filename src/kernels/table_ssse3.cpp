// SSSE 3.
#if defined(__x86_64__)
#define OC_TARGET HWY_SSSE3
#define OC_TABLE ssse3_table
#include "kernels/one_target-inl.h"
#endif
