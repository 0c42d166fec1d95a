// The HD transform of Phi-3.5-Vision's image processor: fit onto a grid of square crops, pad with
// white, cut, and add a global view. (Microsoft: image_processing_phi3_v.py, HD_transform)
#pragma once

#include <array>
#include <vector>

#include "image/image.h"

namespace oc {

inline constexpr int kMaxCrops = 64;  // the largest num_crops

struct HdParams {
  int crop_size = 336;  // S
  int num_crops = 4;    // most crops; 1..kMaxCrops
  std::array<float, 3> mean = {0.48145466f, 0.4578275f, 0.40821073f};
  std::array<float, 3> std = {0.26862954f, 0.26130258f, 0.27577711f};
};

// What the transform will do with a picture of some size; needs no pixels.
struct HdPlan {
  bool transposed = false;  // taller than wide: x and y exchanged for resize and padding
  int resize_width = 0;     // of the (transposed) picture
  int resize_height = 0;
  int pad_top = 0, pad_bottom = 0;  // rows of white on the (transposed) picture
  int canvas_width = 0;             // finished, transposed back: multiples of S
  int canvas_height = 0;
  int crops_w = 0, crops_h = 0;  // canvas / S
};

// kInvalidArgument for a picture so thin that a side would become 0 pixels.
Result<HdPlan> plan_hd(int width, int height, const HdParams& params);

// The finished canvas (resized, padded, transposed back), 8-bit.
Image hd_canvas(const Image& image, const HdPlan& plan, const HdParams& params,
                const Interrupt& interrupt = {});

struct HdTiles {
  HdPlan plan;
  int crop_size = 0;
  double resize_ms = 0;       // making the canvas
  std::vector<float> pixels;  // [1 + crops_h*crops_w, 3, S, S]: global view, then crops row-major
  int views() const { return 1 + plan.crops_w * plan.crops_h; }
};

// kCancelled, kDeadline: interrupted.
Result<HdTiles> hd_transform(const Image& image, const HdParams& params,
                             const Interrupt& interrupt = {});

}  // namespace oc
