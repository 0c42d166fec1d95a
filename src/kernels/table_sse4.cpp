// SSE 4.
#if defined(__x86_64__)
#define OC_TARGET HWY_SSE4
#define OC_TABLE sse4_table
#include "kernels/one_target-inl.h"
#endif
