// Rows of packed weights on their way to bytes in lanes: strips of kLanes rows, transposed.
#if defined(OC_KERNELS_PACKED_INT8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_PACKED_INT8_INL_H_
#undef OC_KERNELS_PACKED_INT8_INL_H_
#else
#define OC_KERNELS_PACKED_INT8_INL_H_
#endif

#include "kernels/dot-inl.h"
#include "kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

// A chunk: 32 columns, eight dwords of activations. 8-bit weights are split into halves where
// dot_step needs it, high nibbles behind low ones.
inline constexpr int kSteps = 8;
template <int kBits>
inline constexpr int kChunkVectors = kBits == 8 && kSplitBytes ? 2 * kSteps : kSteps;

// kLanes rows of W that follow each other, with their scales and biases.
struct Strip {
  const std::uint8_t *weight, *scales, *biases;
  std::int64_t weight_stride, meta_stride;  // bytes from row to row
};
// One row of float weights → bytes [K], scales and biases [K/group]: see QuantMatrix. What is no
// number makes the bias none. Columns that are filled up hold anything.
HWY_NOINLINE void round_row(const QuantMatrix& w, const std::uint8_t* from, std::uint8_t* bytes,
                            float* scales, float* biases) {
  const DF d;
  const hn::Rebind<std::uint8_t, DF> narrow;
  const std::int64_t size = size_of_storage(w.float_type);
  for (std::int64_t k = 0; k < w.cols; k += kMaxUnit, bytes += kMaxUnit) {
    HWY_ALIGN float group[kMaxUnit];
    const std::int64_t rest = w.float_cols - k, count = rest < kMaxUnit ? rest : kMaxUnit;
    std::int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes)
      hn::Store(load_float(from + (k + i) * size, w.float_type), d, group + i);
    for (; i < kMaxUnit; ++i)
      group[i] = i < count ? load_scalar(from + (k + i) * size, w.float_type) : group[0];
    VF least = hn::Load(d, group), most = least, none = hn::Zero(d);
    for (i = 0; i < kMaxUnit; i += kLanes) {
      const VF v = hn::Load(d, group + i);
      least = hn::Min(least, v);
      most = hn::Max(most, v);
      none = hn::MulAdd(v, hn::Zero(d), none);  // 0 of numbers
    }
    const float bias = hn::GetLane(hn::MinOfLanes(d, least));
    const float range = hn::GetLane(hn::MaxOfLanes(d, most)) - bias;
    constexpr float kSmallest = 0x1p-100f;  // less would have an infinite inverse
    *scales++ = range < kSmallest ? 0.0f : range / 255.0f;
    *biases++ = bias + hn::GetLane(hn::SumOfLanes(d, none));
    const VF inverse = hn::Set(d, range < kSmallest ? 0.0f : 255.0f / range);
    for (i = 0; i < kMaxUnit; i += kLanes) {
      const VF above = hn::Sub(hn::Load(d, group + i), hn::Set(d, bias));
      hn::StoreU(hn::DemoteTo(narrow, hn::NearestInt(hn::Mul(above, inverse))), narrow, bytes + i);
    }
  }
}

// Rows past the end are copies of the last one in `spare` (spare_bytes); their results are not
// stored. Float weights are rounded into it.
HWY_INLINE Strip strip_of(const QuantMatrix& w, std::int64_t first, std::uint8_t* spare) {
  Strip strip;
  if (w.float_cols != 0) {
    const std::int64_t groups = w.cols / kMaxUnit;
    auto* scales = reinterpret_cast<float*>(spare);  // [kLanes, K/group]
    float* biases = scales + kLanes * groups;
    auto* bytes = reinterpret_cast<std::uint8_t*>(biases + kLanes * groups);
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const std::int64_t row = first + lane < w.rows ? first + lane : w.rows - 1;
      round_row(w, w.weight + row * w.row_bytes(), bytes + lane * w.cols, scales + lane * groups,
                biases + lane * groups);
    }
    return {bytes, spare, reinterpret_cast<const std::uint8_t*>(biases), w.cols, groups * 4};
  }
  strip.weight_stride = w.cols * w.bits / 8;
  strip.meta_stride = w.cols / w.group * size_of_storage(w.meta);
  const auto rows_at = [&](const std::uint8_t* from, std::int64_t bytes) -> const std::uint8_t* {
    if (first + kLanes <= w.rows) return from + first * bytes;
    std::uint8_t* copies = spare;
    spare += kLanes * bytes;
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const std::int64_t row = first + lane < w.rows ? first + lane : w.rows - 1;
      std::memcpy(copies + lane * bytes, from + row * bytes, static_cast<std::size_t>(bytes));
    }
    return copies;
  };
  strip.weight = rows_at(w.weight, strip.weight_stride);
  strip.scales = rows_at(w.scales, strip.meta_stride);
  strip.biases = rows_at(w.biases, strip.meta_stride);
  return strip;
}

// The packed dwords of a strip, some chunks at a time.
template <int kBits>
class PackedLine {
 public:
  static constexpr int kVectors = kBits == 4 ? 4 : 8;  // of packed dwords in a chunk
  static constexpr int kChunks = kLanes > kVectors ? kLanes / kVectors : 1;

  // Makes `chunk` available. Chunks are asked for one after the other.
  HWY_INLINE void move_to(const Strip& strip, std::int64_t chunk, std::int64_t chunks) {
    at_ = static_cast<int>(chunk % kChunks) * kVectors;
    if (at_ != 0) return;
    const std::uint8_t* from = strip.weight + chunk * kVectors * 4;
    // One chunk is always there, which g++ cannot know.
    if (kChunks * kVectors == kLanes && (kChunks == 1 || chunk + kChunks <= chunks)) {
      transpose_line(from, strip.weight_stride, dwords_);
      return;
    }
    for (std::int64_t i = 0; i < kChunks && chunk + i < chunks; ++i)
      for (int part = 0; part < kVectors; part += 4)
        transpose4(from + (i * kVectors + part) * 4, strip.weight_stride,
                   dwords_ + i * kVectors + part);
  }

  // Unpacks it to out[0], out[step], …. For 4 bits vector 2j holds columns 8j + {0,2,4,6}, vector
  // 2j+1 the odd ones.
  HWY_INLINE void unpack(VU* out, int step) const {
    const VU low = hn::Set(DU(), 0x0f0f0f0f);
    OC_UNROLL(8)
    for (int j = 0; j < kVectors; ++j) {
      const VU packed = dwords_[at_ + j];
      if constexpr (kBits == 4) {
        out[2 * j * step] = hn::And(packed, low);
        out[(2 * j + 1) * step] = hn::And(hn::ShiftRight<4>(packed), low);
      } else if constexpr (!kSplitBytes) {
        out[j * step] = packed;
      } else {
        out[j * step] = hn::And(packed, low);
        out[(kSteps + j) * step] = hn::And(hn::ShiftRight<4>(packed), low);
      }
    }
  }

 private:
  VU dwords_[kChunks * kVectors];
  int at_ = 0;
};

// Scales or biases of a strip as float32, the groups [first, first + count) of a row: a vector for
// each, `step` floats apart. from: of the rows' first group.
HWY_INLINE void unpack_meta(const std::uint8_t* from, std::int64_t stride, std::int64_t first,
                            std::int64_t count, Storage type, float* out, std::int64_t step) {
  constexpr int kMost = 8;  // of 16 bytes
  const DF d;
  const std::int64_t size = size_of_storage(type), loaded = 16 / size, end = first + count;
  const auto load = [&](std::int64_t group, VF* to) HWY_ATTR {
    const std::uint8_t* rows = from + group * size;
    if (type != Storage::kF32) return transpose_halves(rows, stride, type, to);
    VU four[4];
    transpose4(rows, stride, four);
    OC_UNROLL(4)
    for (int j = 0; j < 4; ++j) to[j] = hn::BitCast(d, four[j]);
  };
  VF turned[kMost];
  std::int64_t g = first;
  for (; g + loaded <= end; g += loaded) {
    load(g, turned);
    OC_UNROLL(8)
    for (int j = 0; j < kMost; ++j)
      if (j < loaded) hn::Store(turned[j], d, out + (g - first + j) * step);
  }
  if (g < end && end >= loaded) {  // the last 16 bytes of the row: some groups once more
    HWY_ALIGN float last[kMost * kLanes];
    load(end - loaded, turned);
    for (int j = 0; j < loaded; ++j) hn::Store(turned[j], d, last + j * kLanes);
    for (; g < end; ++g)
      hn::Store(hn::Load(d, last + (g - end + loaded) * kLanes), d, out + (g - first) * step);
  }
  for (; g < end; ++g)
    for (std::int64_t lane = 0; lane < kLanes; ++lane)
      out[(g - first) * step + lane] = load_scalar(from + lane * stride + g * size, type);
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
