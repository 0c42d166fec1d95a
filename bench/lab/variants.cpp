#include "bench/lab/variants.h"

#define HWY_WANT_AVX3_DL 1
#define OC_TARGETS (HWY_AVX3_DL | HWY_AVX2 | OC_NEON)  // on Arm what table.cpp has
#include "kernels/wanted_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/lab/variants.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include "kernels/matmul_int8-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oc::lab::HWY_NAMESPACE {

namespace k = kernels;
namespace kt = kernels::HWY_NAMESPACE;

// Strips of kLanes rows, transposed as they come out of memory; fetched kAhead strips ahead.
template <int kT, std::int64_t kAhead>
void strips(const k::QuantMatrix& w, std::int64_t begin, std::int64_t end, const k::Int8Rows& x,
            float* y, std::int64_t y_stride, std::byte* scratch) {
  const k::Epilogue none;
  kt::Outputs out{begin, end, y, y_stride, &none};
  for (; out.n < end; out.n += kt::kLanes)
    kt::int8_few<4, 1, kT, kAhead>(
        w, std::array{kt::strip_of(w, out.n, reinterpret_cast<std::uint8_t*>(scratch))},
        {x.values, x.scales, x.sums, 0, kT}, out);
}

// Two at once: twice as many dots under way.
template <int kT>
void two_strips(const k::QuantMatrix& w, std::int64_t begin, std::int64_t end, const k::Int8Rows& x,
                float* y, std::int64_t y_stride, std::byte* scratch) {
  const k::Epilogue none;
  auto* spare = reinterpret_cast<std::uint8_t*>(scratch);
  kt::Outputs out{begin, end, y, y_stride, &none};
  for (; out.n < end; out.n += 2 * kt::kLanes)
    kt::int8_few<4, 2, kT>(
        w, std::array{kt::strip_of(w, out.n, spare), kt::strip_of(w, out.n + kt::kLanes, spare)},
        {x.values, x.scales, x.sums, 0, kT}, out);
}

#if OC_HAS_INT8_LINES
// Strips by whole lines, the next line's rows taken apart beside the dots of this one.
template <int kT>
void lines(const k::QuantMatrix& w, std::int64_t begin, std::int64_t end, const k::Int8Rows& x,
           float* y, std::int64_t y_stride, std::byte* scratch) {
  const k::Epilogue none;
  kt::Outputs out{begin, end, y, y_stride, &none};
  for (; out.n < end; out.n += kt::kLanes)
    kt::int8_lines<kT>(w, kt::strip_of(w, out.n, reinterpret_cast<std::uint8_t*>(scratch)),
                       {x.values, x.scales, x.sums, 0, kT}, out);
}
#endif

#if OC_HAS_INT8_ROWS
// Row after row, as the product does it; fetched kAhead bytes ahead into the second level, kNear
// bytes ahead into the first.
template <int kT, std::int64_t kAhead = kt::kBytesAhead, std::int64_t kNear = kt::kBytesAheadNear>
void rows(const k::QuantMatrix& w, std::int64_t begin, std::int64_t end, const k::Int8Rows& x,
          float* y, std::int64_t y_stride, std::byte* scratch) {
  kt::int8_rows<4, kT, kAhead, kNear>(w, begin, end, x, kT, y, y_stride, {}, scratch);
}

// The same, but each strip is folded right behind its dots, and the next one's scales are fetched.
template <int kT>
void rows_at_once(const k::QuantMatrix& w, std::int64_t begin, std::int64_t end,
                  const k::Int8Rows& x, float* y, std::int64_t y_stride, std::byte* scratch) {
  const std::int64_t bytes = w.cols / 2, stride = w.cols / 64 * 2;
  const kt::RowsInput<4, kT> input(x, w.cols, reinterpret_cast<std::int8_t*>(scratch));
  const std::int64_t row_step = input.folds.count * kt::kFoldGroups;
  auto* sums = reinterpret_cast<std::int32_t*>(scratch + input.bytes(w.cols));
  for (std::int64_t n = begin; n < end; n += kt::kLanes) {
    const kt::StripSums strip{
        sums,  kt::kLanes * row_step, row_step, w.scales + n * stride, w.biases + n * stride,
        stride};
    for (std::int64_t r = 0; r < kt::kLanes; ++r) {
      for (std::int64_t at = 0; at < stride; at += 64) {
        __builtin_prefetch(strip.scales + (kt::kLanes + r) * stride + at, 0, 3);
        __builtin_prefetch(strip.biases + (kt::kLanes + r) * stride + at, 0, 3);
      }
      kt::row_sums<kT, kt::kBytesAhead, kt::kBytesAheadNear>(w.weight + (n + r) * bytes,
                                                             input.folds, input.values,
                                                             sums + r * row_step, strip.token_step);
    }
    kt::VF acc[kT];
    for (kt::VF& sum : acc) sum = kt::hn::Zero(kt::DF());
    for (std::int64_t fold = 0; fold < input.folds.count; ++fold)
      kt::fold_groups<4, kT>(strip, fold, w.meta, input, acc);
    for (int t = 0; t < kT; ++t) kt::store_outputs(acc[t], t, n, end, y, y_stride, {});
  }
}
#endif

// kR row vectors × kTile tokens of a panel of 8; weights are unpacked for all of them.
template <int kR, int kTile>
void tile(const k::QuantMatrix& w, std::int64_t begin, std::int64_t end, const k::Int8Rows& x,
          float* y, std::int64_t y_stride, std::byte* scratch) {
  const std::int64_t chunks = w.cols / k::kChunk, groups = w.cols / w.group;
  auto* meta = reinterpret_cast<float*>(scratch);
  auto* weights = reinterpret_cast<kt::VU*>(meta + kR * groups * 2 * kt::kLanes);
  auto* spare = reinterpret_cast<std::uint8_t*>(weights + chunks * kt::kChunkVectors<4> * kR);
  const k::Epilogue none;
  kt::Outputs out{begin, end, y, y_stride, &none};
  constexpr std::int64_t kTokens = 128;
  for (; out.n < end; out.n += kR * kt::kLanes) {
    for (int r = 0; r < kR; ++r) {
      const kt::Strip strip = kt::strip_of(w, out.n + r * kt::kLanes, spare);
      kt::unpack_meta(strip.scales, strip.meta_stride, 0, groups, w.meta, meta + r * kt::kLanes,
                      2 * kR * kt::kLanes);
      kt::unpack_meta(strip.biases, strip.meta_stride, 0, groups, w.meta,
                      meta + (kR + r) * kt::kLanes, 2 * kR * kt::kLanes);
      kt::PackedLine<4> line;
      for (std::int64_t c = 0; c < chunks; ++c) {
        line.move_to(strip, c, chunks);
        line.unpack(weights + c * kt::kChunkVectors<4> * kR + r, kR);
      }
    }
    for (std::int64_t t = 0; t < kTokens; t += 8) {
      kt::Panel panel{x.values + t * w.cols, x.scales + t * groups, x.sums + t * groups, t, 8};
      for (; panel.count > 0; panel = kt::panel_after(panel, kTile))
        kt::int8_tile<4, kR, kTile, 8>(w, {0, groups, groups}, weights, meta, panel, panel.values,
                                       nullptr, out);
    }
  }
}

VariantSet target_variants() {
  VariantSet set{hwy::TargetName(HWY_TARGET), {}, {}};
  const char* kStrips =
      "strips of 16 rows are transposed on the way: more instructions a byte, "
      "and memory comes from 16 places; still used with fewer than 512 columns";
#if OC_HAS_INT8_ROWS
  const char* kProduct = "the product's: one stream";
  const char* kFirst = "into the first level: too few misses under way on Zen 4";
  set.few = {
      {"rows", kProduct, 1, rows<1>, 512},
      {"rows 0", "nothing fetched ahead: the core holds too few lines", 1, rows<1, 0, 0>, 512},
      {"rows first 8K", kFirst, 1, rows<1, 0, 8192>, 512},
      {"rows first 2K", kFirst, 1, rows<1, 0, 2048>, 512},
      {"rows 16K", "the first level waits for the second", 1, rows<1, 16384, 0>, 512},
      {"rows 16K, 256", "no different", 1, rows<1, 16384, 256>, 512},
      {"rows 64K, 1K", "no better than 16 KB", 1, rows<1, 65536, 1024>, 512},
      {"rows / 128", "128 outputs at a time: begins and ends", 1, rows<1>, 128},
      {"rows at once", "simpler: memory waits while a strip is folded", 1, rows_at_once<1>, 512},
      {"strips 2", kStrips, 1, strips<1, 2>, 128},
      {"strips 1", "one strip ahead", 1, strips<1, 1>, 128},
      {"rows", kProduct, 2, rows<2>, 512},
      {"rows first 8K", kFirst, 2, rows<2, 0, 8192>, 512},
      {"rows at once", "memory waits while a strip is folded", 2, rows_at_once<2>, 512},
      {"strips 2", kStrips, 2, strips<2, 2>, 128},
      {"rows", "the product's with AVX-512 without VNNI", 4, rows<4>, 512},
      {"two strips", "in the model slower: a loop of 13 KB", 4, two_strips<4>, 128},
      {"rows first 8K", kFirst, 4, rows<4, 0, 8192>, 512},
      {"rows at once", "memory waits while a strip is folded", 4, rows_at_once<4>, 512},
      {"strips 2", kStrips, 4, strips<4, 2>, 128},
      {"two strips", "waits for its own transposition", 8, two_strips<8>, 128},
      {"rows", "the table leaves the first level", 8, rows<8>, 512},
      {"strips 2", "the product's with 16 registers", 8, strips<8, 2>, 128},
  };
#if OC_HAS_INT8_LINES
  set.few.push_back({"lines", "half of it transposition", 2, lines<2>, 128});
  set.few.push_back({"lines", "the product's", 4, lines<4>, 128});
  set.few.push_back({"lines", "the product's", 8, lines<8>, 128});
#endif
#else
  set.few = {{"strips 2", kStrips, 1, strips<1, 2>, 128}};
#endif
  set.tiles = {
      {"2 x 8", "the product's with 32 registers", 128, tile<2, 8>, 128},
      {"2 x 4", "the product's with 16 registers: a load more for each dot", 128, tile<2, 4>, 128},
      {"1 x 8", "twice the loads of activations", 128, tile<1, 8>, 128},
      {"4 x 4", "as many sums; unpacked weights take twice the cache", 128, tile<4, 4>, 128},
      {"3 x 8", "24 sums, and the folded ones leave the registers", 128, tile<3, 8>, 96},
      {"4 x 8", "32 sums: all registers, so that they spill", 128, tile<4, 8>, 128},
  };
  return set;
}

}  // namespace oc::lab::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace oc::lab {
HWY_EXPORT(target_variants);
VariantSet variants() { return HWY_DYNAMIC_DISPATCH(target_variants)(); }
}  // namespace oc::lab
#endif
