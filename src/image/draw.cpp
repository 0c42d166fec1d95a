#include "image/draw.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace oc {
namespace {

using Colour = std::array<std::uint8_t, 3>;
constexpr Colour kBright = {255, 210, 0}, kDark = {20, 20, 20};

// Pixels [x0, x1) x [y0, y1), as far as they lie in the picture.
struct Pixels {
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
};

void fill(Image& image, const Pixels& area, const Colour& colour) {
  const int x0 = std::max(area.x0, 0), x1 = std::min(area.x1, image.width);
  const int y0 = std::max(area.y0, 0), y1 = std::min(area.y1, image.height);
  for (int y = y0; y < y1; ++y)
    for (int x = x0; x < x1; ++x) {
      const std::size_t at = (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) +
                              static_cast<std::size_t>(x)) *
                             3;
      std::ranges::copy(colour, image.rgb.begin() + static_cast<std::ptrdiff_t>(at));
    }
}

// A frame whose outer edge is `outer`, `width` pixels inwards.
void frame(Image& image, const Pixels& outer, int width, const Colour& colour) {
  const auto& [x0, y0, x1, y1] = outer;
  fill(image, {x0, y0, x1, y0 + width}, colour);
  fill(image, {x0, y1 - width, x1, y1}, colour);
  fill(image, {x0, y0, x0 + width, y1}, colour);
  fill(image, {x1 - width, y0, x1, y1}, colour);
}

void disc(Image& image, double x, double y, double radius, const Colour& colour) {
  const int top = static_cast<int>(std::floor(y - radius));
  const int bottom = static_cast<int>(std::ceil(y + radius));
  for (int row = std::max(top, 0); row < std::min(bottom, image.height); ++row) {
    const double off = row + 0.5 - y, square = radius * radius - off * off;
    if (square < 0) continue;
    const double half = std::sqrt(square);
    fill(image,
         {static_cast<int>(std::lround(x - half)), row, static_cast<int>(std::lround(x + half)),
          row + 1},
         colour);
  }
}

// A model may say any number: a share that is none stays where it is drawn nowhere.
double pixel(double share, int side) {
  return std::isfinite(share) ? std::clamp(share, -1.0, 2.0) * side : -side;
}

int edge(double share, int side) {
  return static_cast<int>(std::lround(std::clamp(pixel(share, side), 0.0, 1.0 * side)));
}

bool is_outside(double min, double max) { return !(min < max) || max <= 0 || min >= 1; }

}  // namespace

int line_width(const Image& image) {
  return std::max(2, static_cast<int>(std::lround(std::min(image.width, image.height) / 150.0)));
}

void draw(Image& image, const DrawnBox& box) {
  if (is_outside(box.x_min, box.x_max) || is_outside(box.y_min, box.y_max)) return;
  const int width = line_width(image), rim = std::max(1, width / 2);
  const Pixels line = {edge(box.x_min, image.width), edge(box.y_min, image.height),
                       edge(box.x_max, image.width), edge(box.y_max, image.height)};
  frame(image, {line.x0 - rim, line.y0 - rim, line.x1 + rim, line.y1 + rim}, width + 2 * rim,
        kDark);
  frame(image, line, width, kBright);
}

void draw(Image& image, const DrawnPoint& point) {
  const double x = pixel(point.x, image.width), y = pixel(point.y, image.height);
  const int width = line_width(image);
  disc(image, x, y, 2.0 * width + std::max(1, width / 2), kDark);
  disc(image, x, y, 2.0 * width, kBright);
}

}  // namespace oc
