// Every kernel for every SIMD target (Highway compiles this file once for each), and the choice.
#define HWY_COMPILE_ALL_ATTAINABLE  // also the portable form, so that it is tested everywhere
#define HWY_WANT_AVX3_DL 1          // AVX-512 with VNNI
// Highway avoids its portable target with g++ before 12.3 because the vectoriser miscompiles it
// (gcc.gnu.org/PR106322); CMakeLists.txt turns the vectoriser off for this file instead.
#define HWY_BROKEN_EMU128 0
#include "kernels/wanted_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/table.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include "kernels/table-inl.h"

#if HWY_ONCE
#if HWY_ARCH_X86_64
#include <cpuid.h>
#elif HWY_ARCH_ARM_A64 && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif HWY_ARCH_ARM_A64 && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace oc::kernels {
#if HWY_ARCH_ARM_A64
const Table* neon_dot_table();  // table_neon_dot.cpp
#elif HWY_ARCH_X86_64
const Table* avx_vnni_table();  // table_avx_vnni.cpp
const Table* amx_table();       // table_amx.cpp
#endif
namespace {

HWY_EXPORT(target_table);

struct Target {
  std::int64_t bit;
  std::string_view name;
};
// Best first.
constexpr Target kTargets[] = {{HWY_AVX3_DL, "avx3_dl"}, {HWY_AVX3, "avx3"},   {HWY_AVX2, "avx2"},
                               {HWY_SSE4, "sse4"},       {HWY_SSSE3, "ssse3"}, {OC_NEON, "neon"},
                               {HWY_EMU128, "scalar"}};

#if HWY_ARCH_ARM_A64
bool has_neon_dot() {
#if defined(__linux__)
  return (::getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#elif defined(__APPLE__)
  int has = 0;
  std::size_t size = sizeof has;
  return ::sysctlbyname("hw.optional.arm.FEAT_DotProd", &has, &size, nullptr, 0) == 0 && has != 0;
#else
  return false;
#endif
}
#endif

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
    if (has_neon_dot()) {
      out.push_back(*neon_dot_table());
      out.back().name = "neon_dot";
    }
#endif
    const std::int64_t runnable = (hwy::SupportedTargets() | HWY_EMU128) & HWY_TARGETS;
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
      hwy::SetSupportedTargetsForTest(target.bit);
      hwy::GetChosenTarget().Update(hwy::SupportedTargets());
      Table table = *HWY_DYNAMIC_DISPATCH(target_table)();
      table.name = target.name;
      out.push_back(table);
    }
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
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
#endif  // HWY_ONCE
