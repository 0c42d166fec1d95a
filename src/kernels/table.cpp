// Which tables of kernels can run here, best first. Each is in a file of its own, table_*.cpp.
#include "kernels/wanted_targets.h"
// wanted_targets.h comes first.
#include <hwy/targets.h>

#include "base/system/processor.h"
#include "kernels/full_attention.h"
#include "kernels/kernels.h"

#if HWY_ARCH_X86_64
#include <cpuid.h>
#endif

namespace oc::kernels {

const Table* scalar_table();
#if HWY_ARCH_ARM_A64
const Table* neon_table();
const Table* neon_dot_table();
#elif HWY_ARCH_X86_64
const Table* ssse3_table();
const Table* sse4_table();
const Table* avx2_table();
const Table* avx_vnni_table();
const Table* avx3_table();
const Table* avx3_dl_table();
const Table* amx_table();
#endif
namespace {

struct Target {
  std::int64_t bit;
  std::string_view name;
  const Table* (*table)();
};
// Best first.
constexpr Target kTargets[] = {
#if HWY_ARCH_ARM_A64
    {OC_NEON, "neon", neon_table},
#elif HWY_ARCH_X86_64
    {HWY_AVX3_DL, "avx3_dl", avx3_dl_table}, {HWY_AVX3, "avx3", avx3_table},
    {HWY_AVX2, "avx2", avx2_table},          {HWY_SSE4, "sse4", sse4_table},
    {HWY_SSSE3, "ssse3", ssse3_table},
#endif
    {HWY_EMU128, "scalar", scalar_table},
};

#if HWY_ARCH_X86_64
bool has_avx_vnni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1u << 4)) != 0;
}
#endif

// The tables of all targets that can run here, found once.
const std::vector<Table>& tables() {
  static const std::vector<Table> found = [] {
    std::vector<Table> out;
#if HWY_ARCH_ARM_A64
    if (has_arm_dot_product()) {
      out.push_back(*neon_dot_table());
      out.back().name = "neon_dot";
    }
#endif
    const std::int64_t runnable = hwy::SupportedTargets() | HWY_EMU128;
    for (const Target& target : kTargets) {
      if ((runnable & target.bit) == 0) continue;
#if HWY_ARCH_X86_64
      if (const Table* amx = target.bit == HWY_AVX3_DL ? amx_table() : nullptr; amx != nullptr) {
        out.push_back(*amx);
        out.back().name = "amx";
      }
      if (target.bit == HWY_AVX2 && has_avx_vnni()) {
        out.push_back(*avx_vnni_table());
        out.back().name = "avx2_vnni";
      }
#endif
      out.push_back(*target.table());
      out.back().name = target.name;
    }
    return out;
  }();
  return found;
}

}  // namespace

std::size_t int8_scratch_bytes(std::int64_t cols) {
  // Two row vectors: sums of tokens between blocks of columns, float scales and biases for groups
  // of 32, a byte (8 bits: two) a weight; and the packed rows of a strip that is cut off by the
  // end.
  return static_cast<std::size_t>(2 * kMaxLanes * kKeptTokens * 4 +
                                  2 * kMaxLanes * (cols / kChunk * 2 * 4 + cols * 2) +
                                  kMaxLanes * (cols + cols / kChunk * 2 * 4)) +
         256;
}
std::size_t f32_scratch_bytes(std::int64_t cols) {
  return static_cast<std::size_t>(2 * kMaxLanes * cols * 4) + 256;
}
std::size_t attention_scratch_bytes(int head_dim) {
  return static_cast<std::size_t>(6 * (kKvBlock + head_dim) * 4 + 63) / 64 * 64;  // 6 query rows
}
std::size_t full_attention_scratch_bytes(std::int64_t keys, int head_dim) {
  return FullAttentionScratch(keys, head_dim, nullptr).bytes;
}

std::vector<std::string> available_targets() {
  std::vector<std::string> names;
  for (const Table& table : tables()) names.emplace_back(table.name);
  return names;
}

const Table* find_table(std::string_view target) {
  for (const Table& table : tables())
    if (target == "auto" || target == table.name) return &table;
  return nullptr;
}

}  // namespace oc::kernels
