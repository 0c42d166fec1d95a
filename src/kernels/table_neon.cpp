// NEON, of every 64-bit Arm.
#if defined(__aarch64__)
#define OC_TARGET OC_NEON
#define OC_TABLE neon_table
#include "kernels/one_target-inl.h"
#endif
