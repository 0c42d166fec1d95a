#include "image/isolated/yuv_rows.h"

#include <algorithm>

namespace oc {
namespace {

int sample(const Plane& plane, int x, int y) {
  const std::uint8_t* const row = plane.data + plane.stride * y;
  if (plane.bits <= 8) return row[x];
  return row[2 * x] | row[2 * x + 1] << 8;
}

// Shares of red and blue in the brightness (H.273, table 4).
struct Shares {
  float red = 0, blue = 0;
};
std::optional<Shares> shares_of(const Cicp& cicp) {
  constexpr Shares kBt709{0.2126f, 0.0722f}, kBt601{0.299f, 0.114f}, kBt2020{0.2627f, 0.0593f};
  switch (cicp.matrix) {
    case 1:
      return kBt709;
    case 2:  // not said: what most encoders mean
    case 5:
    case 6:
      return kBt601;
    case 4:
      return Shares{0.30f, 0.11f};
    case 7:
      return Shares{0.212f, 0.087f};
    case 9:
      return kBt2020;
    case 12:  // from the primaries
      if (cicp.primaries == 1) return kBt709;
      if (cicp.primaries == 9) return kBt2020;
      if (cicp.primaries == 12) return Shares{0.2290f, 0.0793f};
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::uint8_t to_byte(float value) {
  return static_cast<std::uint8_t>(std::clamp(value, 0.0f, 255.0f) + 0.5f);
}

}  // namespace

std::optional<YuvRows> YuvRows::make(const Planes& planes, const Cicp& cicp, Samples samples) {
  constexpr int kIdentity = 0, kYcgco = 8;
  YuvRows out(planes, samples);
  const int bits = planes.y.bits;
  const auto level = [&](int value) { return static_cast<float>(value << (bits - 8)); };
  const float full = static_cast<float>((1 << bits) - 1);
  const float y_range = cicp.full_range ? full : level(219);
  const float c_range = cicp.full_range ? full : level(224);
  out.offset_ = {cicp.full_range ? 0 : level(16), level(128), level(128)};
  const bool grey = samples == Samples::kGrey || samples == Samples::kGreyAlpha;
  auto& m = out.matrix_;
  if (grey) {
    m[0] = {1, 0, 0};
  } else if (cicp.matrix == kIdentity) {  // green, blue and red themselves
    if (planes.shift_x != 0 || planes.shift_y != 0) return std::nullopt;
    m = {{{0, 0, 1}, {1, 0, 0}, {0, 1, 0}}};
    out.offset_.fill(out.offset_[0]);
  } else if (cicp.matrix == kYcgco) {
    m = {{{1, -1, 1}, {1, 1, 0}, {1, -1, -1}}};
  } else {
    const auto shares = shares_of(cicp);
    if (!shares) return std::nullopt;
    const float red = 2 * (1 - shares->red), blue = 2 * (1 - shares->blue);
    const float green = 1 - shares->red - shares->blue;
    m = {
        {{1, 0, red}, {1, -blue * shares->blue / green, -red * shares->red / green}, {1, blue, 0}}};
  }
  for (auto& channel : m) {
    channel[0] *= 255 / y_range;
    for (const std::size_t i : {1u, 2u})
      channel[i] *= 255 / (cicp.matrix == kIdentity ? y_range : c_range);
  }
  if (!grey)
    for (auto* row : {&out.cb_, &out.cr_}) row->resize(static_cast<std::size_t>(planes.y.width));
  out.blended_.resize(static_cast<std::size_t>(planes.y.width) + 1);
  return out;
}

// A thinned-out sample lies in the middle of its pixels: three quarters of the nearest one and a
// quarter of the next, in both directions.
void YuvRows::load_colours(const Plane& plane, int y, std::vector<float>& to) {
  const int near = y >> planes_.shift_y;
  const int far = near + ((y & 1) != 0 ? 1 : -1);
  const bool blend = planes_.smooth && planes_.shift_y != 0;
  const int other = blend ? std::clamp(far, 0, plane.height - 1) : near;
  const std::size_t width = static_cast<std::size_t>(plane.width);
  for (std::size_t x = 0; x < width; ++x) {
    const auto at = static_cast<int>(x);
    blended_[x] = static_cast<float>(sample(plane, at, near));
    if (blend) blended_[x] += 0.25f * (static_cast<float>(sample(plane, at, other)) - blended_[x]);
  }
  if (planes_.shift_x == 0) {
    std::copy_n(blended_.begin(), to.size(), to.begin());
    return;
  }
  for (std::size_t x = 0; x < to.size(); ++x) {
    const std::size_t at = x / 2;
    const std::size_t next = (x & 1) != 0 ? std::min(at + 1, width - 1) : at - (at > 0 ? 1 : 0);
    to[x] = planes_.smooth ? 0.75f * blended_[at] + 0.25f * blended_[next] : blended_[at];
  }
  // The last column of an odd width is not mixed: libyuv, which libavif and browsers use, has it
  // so.
  if (to.size() % 2 == 1) to.back() = blended_[width - 1];
}

void YuvRows::row(int y, int left, int width, std::uint8_t* to) {
  const std::size_t step = samples_of(samples_);
  std::uint8_t* out = to;
  if (!cb_.empty()) {
    load_colours(planes_.cb, y, cb_);
    load_colours(planes_.cr, y, cr_);
    for (int x = left; x < left + width; ++x, out += step) {
      const auto at = static_cast<std::size_t>(x);
      const float luma = static_cast<float>(sample(planes_.y, x, y)) - offset_[0];
      const float cb = cb_[at] - offset_[1], cr = cr_[at] - offset_[2];
      for (std::size_t i = 0; i < 3; ++i)
        out[i] = to_byte(matrix_[i][0] * luma + matrix_[i][1] * cb + matrix_[i][2] * cr);
    }
  } else {
    for (int x = left; x < left + width; ++x, out += step)
      out[0] = to_byte(matrix_[0][0] * (static_cast<float>(sample(planes_.y, x, y)) - offset_[0]));
  }
  if (has_alpha(samples_)) put_alpha(y, left, width, to);
}

void YuvRows::put_alpha(int y, int left, int width, std::uint8_t* to) const {
  const std::size_t step = samples_of(samples_);
  const int opaque = (1 << planes_.alpha.bits) - 1;
  for (int x = left; x < left + width; ++x, to += step) {
    const int alpha = (sample(planes_.alpha, x, y) * 255 + opaque / 2) / opaque;
    to[step - 1] = static_cast<std::uint8_t>(alpha);
    if (!planes_.premultiplied || alpha == 255 || alpha == 0) continue;
    for (std::size_t i = 0; i + 1 < step; ++i)
      to[i] = static_cast<std::uint8_t>(std::min(255, (to[i] * 255 + alpha / 2) / alpha));
  }
}

}  // namespace oc
