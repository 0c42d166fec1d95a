// Boxes and points over a picture, for people to look at.
#pragma once

#include "image/image.h"

namespace oc {

// In shares of the picture's sides, y down; what lies outside of the picture is not drawn.
struct DrawnBox {
  double x_min = 0, y_min = 0, x_max = 0, y_max = 0;
};
struct DrawnPoint {
  double x = 0, y = 0;
};

// How wide lines are, in pixels: what can be seen in a picture of this size. At least 2.
int line_width(const Image& image);

// A frame of line_width() pixels, bright within a dark rim of half as much on either side, so that
// it shows on any ground. A box that leaves the picture has its frame at the picture's edge.
void draw(Image& image, const DrawnBox& box);
// A disc in the same colours, four lines wide.
void draw(Image& image, const DrawnPoint& point);

}  // namespace oc
