// The image processor of SmolVLM2: a picture is brought to a canvas of whole tiles, cut, and a
// global view is made of the canvas. (transformers: image_processing_smolvlm.py, the one on PIL)
#pragma once

#include <vector>

#include "image/image.h"
#include "models/smolvlm/config.h"

namespace oc {

// What will be done with a picture of some size; needs no pixels.
struct TilePlan {
  int tile = 0;                             // S, side of a view
  int resize_width = 0, resize_height = 0;  // the long side as asked for, aspect kept
  int canvas_width = 0, canvas_height = 0;  // then this, aspect not kept: multiples of S
  int rows = 0, cols = 0;                   // of tiles; 0 and 0: the canvas is the only view

  int views() const { return rows * cols + 1; }
  bool operator==(const TilePlan&) const = default;
};

// kInvalidArgument for an empty picture.
Result<TilePlan> plan_tiles(int width, int height, int tile, int longest_edge,
                            bool do_image_splitting);

// The picture after the first resize, the canvas, and the canvas as one view.
Image smolvlm_resized(const Image& image, const TilePlan& plan, const Interrupt& interrupt = {});
Image smolvlm_canvas(const Image& resized, const TilePlan& plan, const Interrupt& interrupt = {});
Image smolvlm_global(const Image& canvas, const TilePlan& plan, const Interrupt& interrupt = {});

struct Tiles {
  TilePlan plan;
  double resize_ms = 0;       // of all resizes
  std::vector<float> pixels;  // [views, 3, S, S]: tiles row by row, the global view last
};
// Cut out of the two pictures that come last.
Tiles cut_tiles(const Image& canvas, const Image& global, const TilePlan& plan,
                const SmolVlmImageConfig& config);
// All of it. kCancelled, kDeadline: interrupted.
Result<Tiles> cut_tiles(const Image& image, const TilePlan& plan, const SmolVlmImageConfig& config,
                        const Interrupt& interrupt = {});

}  // namespace oc
