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
// Rows past the end are copies of the last one in `spare` (spare_bytes); their results are not
// stored.
HWY_INLINE Strip strip_of(const QuantMatrix& w, std::int64_t first, std::uint8_t* spare) {
  Strip strip;
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
