// Plain C++, on every processor.
#define OC_TARGET HWY_EMU128
#define OC_TABLE scalar_table
#include "kernels/one_target-inl.h"
