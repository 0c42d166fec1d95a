#include "image/resize.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"

namespace oc {
namespace {

// One output pixel's share of the input: coefficients for [first, first + count).
struct Window {
  int first = 0;
  int count = 0;
};

// Pillow works with 22 bits of fraction on 8-bit pixels (Resample.c: PRECISION_BITS).
constexpr int kBits = 32 - 8 - 2;

struct Filter {
  std::vector<Window> windows;
  std::vector<std::int32_t> coefficients;  // [out, taps]
  int taps = 0;
};

// A filter of Resample.c: how far it reaches, and its value at a distance.
struct Kernel {
  double reach;
  double (*at)(double distance);
};

double triangle_at(double x) { return std::abs(x) < 1.0 ? 1.0 - std::abs(x) : 0.0; }

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos_at(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

constexpr Kernel kTriangle{1.0, triangle_at}, kLanczos{3.0, lanczos_at};

// precompute_coeffs and normalize_coeffs_8bpc of Resample.c.
Filter make_filter(const Kernel& kernel, int in_size, int out_size) {
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = kernel.reach * filter_scale;
  Filter filter;
  filter.taps = static_cast<int>(std::ceil(support)) * 2 + 1;
  filter.windows.resize(static_cast<std::size_t>(out_size));
  filter.coefficients.assign(
      static_cast<std::size_t>(out_size) * static_cast<std::size_t>(filter.taps), 0);
  std::vector<double> weights(static_cast<std::size_t>(filter.taps));
  for (int i = 0; i < out_size; ++i) {
    const double center = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int last = std::min(in_size, static_cast<int>(center + support + 0.5));
    double total = 0;
    for (int x = first; x < last; ++x) {
      const double weight = kernel.at((x - center + 0.5) * (1.0 / filter_scale));
      weights[static_cast<std::size_t>(x - first)] = weight;
      total += weight;
    }
    std::int32_t* out = filter.coefficients.data() +
                        static_cast<std::size_t>(i) * static_cast<std::size_t>(filter.taps);
    for (int x = 0; x < last - first; ++x) {
      double weight = weights[static_cast<std::size_t>(x)];
      if (total != 0) weight /= total;
      out[x] = static_cast<std::int32_t>(weight < 0 ? -0.5 + weight * (1 << kBits)
                                                    : 0.5 + weight * (1 << kBits));
    }
    filter.windows[static_cast<std::size_t>(i)] = {first, last - first};
  }
  return filter;
}

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kBits, 0, 255));
}

Image horizontal(const Image& image, const Kernel& kernel, int width, const Interrupt& interrupt) {
  const Filter filter = make_filter(kernel, image.width, width);
  Image out{width, image.height, {}};
  out.rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(image.height) * 3);
  for (int y = 0; y < image.height && !interrupt.stop(); ++y) {
    const std::uint8_t* row =
        image.rgb.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) * 3;
    std::uint8_t* to =
        out.rgb.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width) * 3;
    for (int x = 0; x < width; ++x) {
      const Window window = filter.windows[static_cast<std::size_t>(x)];
      const std::int32_t* weights =
          filter.coefficients.data() +
          static_cast<std::size_t>(x) * static_cast<std::size_t>(filter.taps);
      const std::uint8_t* from = row + static_cast<std::size_t>(window.first) * 3;
      std::int32_t r = 1 << (kBits - 1), g = r, b = r;
      for (int i = 0; i < window.count; ++i) {
        r += from[3 * i] * weights[i];
        g += from[3 * i + 1] * weights[i];
        b += from[3 * i + 2] * weights[i];
      }
      to[3 * x] = to_byte(r);
      to[3 * x + 1] = to_byte(g);
      to[3 * x + 2] = to_byte(b);
    }
  }
  return out;
}

Image vertical(const Image& image, const Kernel& kernel, int height, const Interrupt& interrupt) {
  const Filter filter = make_filter(kernel, image.height, height);
  const std::size_t stride = static_cast<std::size_t>(image.width) * 3;
  Image out{image.width, height, {}};
  out.rgb.resize(stride * static_cast<std::size_t>(height));
  std::vector<std::int32_t> sums(stride);
  for (int y = 0; y < height && !interrupt.stop(); ++y) {
    const Window window = filter.windows[static_cast<std::size_t>(y)];
    const std::int32_t* weights =
        filter.coefficients.data() +
        static_cast<std::size_t>(y) * static_cast<std::size_t>(filter.taps);
    std::ranges::fill(sums, 1 << (kBits - 1));
    for (int i = 0; i < window.count; ++i) {
      const std::uint8_t* row =
          image.rgb.data() + static_cast<std::size_t>(window.first + i) * stride;
      for (std::size_t x = 0; x < stride; ++x) sums[x] += row[x] * weights[i];
    }
    std::uint8_t* to = out.rgb.data() + static_cast<std::size_t>(y) * stride;
    for (std::size_t x = 0; x < stride; ++x) to[x] = to_byte(sums[x]);
  }
  return out;
}

// Keys' cubic with a = -0.75 at the four neighbours of a point t in [0, 1) past the second one
// (torch: get_cubic_upsample_coefficients).
struct Cubic {
  float weight[4];
  int index[4];
};

std::vector<Cubic> cubic(int in_size, int out_size) {
  constexpr float a = -0.75f;
  const auto near = [](float x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  const auto far = [](float x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  const float scale = static_cast<float>(in_size) / static_cast<float>(out_size);
  std::vector<Cubic> out(static_cast<std::size_t>(out_size));
  for (int i = 0; i < out_size; ++i) {
    const float source = scale * (static_cast<float>(i) + 0.5f) - 0.5f;
    const float floor = std::floor(source);
    const float t = source - floor;
    Cubic& c = out[static_cast<std::size_t>(i)];
    c.weight[0] = far(t + 1);
    c.weight[1] = near(t);
    c.weight[2] = near(1 - t);
    c.weight[3] = far(2 - t);
    for (int k = 0; k < 4; ++k)
      c.index[k] = std::clamp(static_cast<int>(floor) - 1 + k, 0, in_size - 1);
  }
  return out;
}

void check_sizes(const Image& image, int width, int height) {
  OC_CHECK(width > 0 && height > 0 && image.width > 0 && image.height > 0, "resize {}x{} to {}x{}",
           image.width, image.height, width, height);
}

Image resize(const Image& image, const Kernel& kernel, int width, int height,
             const Interrupt& interrupt) {
  check_sizes(image, width, height);
  if (width == image.width && height == image.height) return image;
  if (width == image.width) return vertical(image, kernel, height, interrupt);
  Image wide = horizontal(image, kernel, width, interrupt);
  return height == image.height ? wide : vertical(wide, kernel, height, interrupt);
}

}  // namespace

Image resize_bilinear(const Image& image, int width, int height, const Interrupt& interrupt) {
  return resize(image, kTriangle, width, height, interrupt);
}

// Each pass knows nothing of the other direction, so only their order is exchanged.
Image resize_bilinear_transposed(const Image& image, int width, int height,
                                 const Interrupt& interrupt) {
  check_sizes(image, width, height);
  if (width == image.width && height == image.height) return image;
  if (height == image.height) return horizontal(image, kTriangle, width, interrupt);
  Image high = vertical(image, kTriangle, height, interrupt);
  return width == image.width ? high : horizontal(high, kTriangle, width, interrupt);
}

Image resize_lanczos(const Image& image, int width, int height, const Interrupt& interrupt) {
  return resize(image, kLanczos, width, height, interrupt);
}

std::size_t resize_bytes(int in_width, int in_height, int out_width, int out_height) {
  const auto bytes = [](int width, int height) {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3;
  };
  // As make_filter() with the longest kernel.
  const auto filter = [](int in_size, int out_size) {
    const double scale = std::max(static_cast<double>(in_size) / out_size, 1.0);
    const auto taps = static_cast<std::size_t>(std::ceil(kLanczos.reach * scale)) * 2 + 1;
    return static_cast<std::size_t>(out_size) * (sizeof(Window) + taps * sizeof(std::int32_t)) +
           taps * sizeof(double);
  };
  return bytes(out_width, out_height) +
         std::max(bytes(out_width, in_height), bytes(in_width, out_height)) +
         filter(in_width, out_width) + filter(in_height, out_height) +
         bytes(std::max(in_width, out_width), 1) * sizeof(std::int32_t);
}

std::vector<float> resize_bicubic(std::span<const float> planes, int channels, int in_height,
                                  int in_width, int out_height, int out_width) {
  const auto in_plane = static_cast<std::size_t>(in_height) * static_cast<std::size_t>(in_width);
  OC_CHECK(planes.size() == in_plane * static_cast<std::size_t>(channels),
           "bicubic: {} values for [{}, {}, {}]", planes.size(), channels, in_height, in_width);
  const std::vector<Cubic> rows = cubic(in_height, out_height), cols = cubic(in_width, out_width);
  std::vector<float> out(static_cast<std::size_t>(channels) * static_cast<std::size_t>(out_height) *
                         static_cast<std::size_t>(out_width));
  float* to = out.data();
  for (int channel = 0; channel < channels; ++channel) {
    const float* plane = planes.data() + static_cast<std::size_t>(channel) * in_plane;
    for (const Cubic& row : rows)
      for (const Cubic& col : cols) {
        float sum = 0;
        for (int y = 0; y < 4; ++y) {
          const float* line =
              plane + static_cast<std::size_t>(row.index[y]) * static_cast<std::size_t>(in_width);
          const float across =
              line[col.index[0]] * col.weight[0] + line[col.index[1]] * col.weight[1] +
              line[col.index[2]] * col.weight[2] + line[col.index[3]] * col.weight[3];
          sum += across * row.weight[y];
        }
        *to++ = sum;
      }
  }
  return out;
}

}  // namespace oc
