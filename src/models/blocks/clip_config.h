// The sizes of a CLIP vision tower.
#pragma once

#include <cstdint>

#include "io/json.h"

namespace oc {

// The CLIP vision tower. Defaults: CLIP ViT-L/14-336, for checkpoints that leave vision_config out.
struct ClipConfig {
  std::int64_t hidden_size = 1024;  // C
  int layers = 24;                  // the last one is never needed where hidden state -2 is read
  int heads = 16;
  std::int64_t intermediate_size = 4096;
  int image_size = 336;  // S, side of a crop in pixels
  int patch_size = 14;
  float layer_norm_eps = 1e-5f;

  int grid() const { return image_size / patch_size; }                    // patches a side
  std::int64_t patches() const { return std::int64_t{grid()} * grid(); }  // P
  int merged() const { return grid() / 2; }  // g: 2 x 2 patches a side, 12
};

// "vision_config" of `config` (config.json), where it is there. Errors name the key.
Result<ClipConfig> parse_clip_config(const JsonReader& config);

}  // namespace oc
