// The image processor of Moondream2: the whole picture is brought to a canvas, aspect not kept,
// that is cut into crops which overlap; and to one global view. (moondream/torch/image_crops.py, on
// PIL)
#pragma once

#include <vector>

#include "image/image.h"
#include "models/moondream/config.h"

namespace oc {

// What will be done with a picture of some size; needs no pixels.
struct CropPlan {
  int side = 0;                             // S, of a crop and of the global view
  int window = 0;                           // from one crop to the next
  int canvas_width = 0, canvas_height = 0;  // all crops together
  int rows = 0, cols = 0;                   // of crops

  int views() const { return rows * cols + 1; }       // the global one first
  bool one_crop() const { return rows * cols == 1; }  // the same pixels as the global view
  bool operator==(const CropPlan&) const = default;
};

// kInvalidArgument for an empty picture.
Result<CropPlan> plan_crops(const MoondreamConfig& config, int width, int height, int max_crops);

Image moondream_canvas(const Image& image, const CropPlan& plan, const Interrupt& interrupt = {});
Image moondream_global(const Image& image, const CropPlan& plan, const Interrupt& interrupt = {});

struct Crops {
  CropPlan plan;
  double resize_ms = 0;       // of both resizes
  std::vector<float> pixels;  // [views, 3, S, S]: the global view, then crops row by row
};
// Cut out of the two.
Crops cut_crops(const Image& canvas, const Image& global, const CropPlan& plan);
// All of it. kCancelled, kDeadline: interrupted.
Result<Crops> cut_crops(const Image& image, const CropPlan& plan, const Interrupt& interrupt = {});

}  // namespace oc
