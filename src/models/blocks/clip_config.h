// The sizes of a CLIP vision tower.
#pragma once

#include <cstdint>

#include "io/json.h"

namespace oc {

// S and p as config.json names them; a tower's published sizes are its family's.
struct ClipConfig {
  std::int64_t hidden_size = 0;  // C
  int layers = 0;                // the last one is never needed where hidden state -2 is read
  int heads = 0;
  std::int64_t intermediate_size = 0;
  int image_size = 0;  // S, side of a view in pixels
  int patch_size = 0;  // p
  float layer_norm_eps = 1e-5f;
  bool class_token = true;  // one row stands in front of the patches

  int grid() const { return image_size / patch_size; }                     // patches a side
  std::int64_t patches() const { return std::int64_t{grid()} * grid(); }   // P
  std::int64_t rows() const { return patches() + (class_token ? 1 : 0); }  // T
};

// "vision_config" of `config` (config.json); `defaults` holds what it leaves out. Errors name the
// key.
Result<ClipConfig> parse_clip_config(const JsonReader& config, const ClipConfig& defaults);

}  // namespace oc
