// What config.json and preprocessor_config.json say about a Phi-3.5-Vision checkpoint, checked.
#pragma once

#include <filesystem>
#include <vector>

#include "io/json.h"
#include "models/blocks/clip_config.h"
#include "models/model.h"
#include "models/phi3v/hd_transform.h"

namespace oc {

// CLIP ViT-L/14-336, for checkpoints that leave vision_config out.
inline constexpr ClipConfig kClipL336 = {.hidden_size = 1024,
                                         .layers = 24,
                                         .heads = 16,
                                         .intermediate_size = 4096,
                                         .image_size = 336,
                                         .patch_size = 14};

struct Phi3VConfig {
  std::int64_t hidden_size = 0;  // D
  int layers = 0;
  int heads = 0;                       // H
  int kv_heads = 0;                    // G
  int head_dim = 0;                    // d
  std::int64_t intermediate_size = 0;  // F
  std::int64_t vocab_size = 0;         // V
  float rms_norm_eps = 1e-5f;
  double rope_theta = 10000;
  std::int64_t max_positions = 0;           // most tokens of a sequence
  std::int64_t original_max_positions = 0;  // up to here the short factors, beyond the long ones
  std::vector<double> short_factor, long_factor;  // [d/2] each
  std::vector<TokenId> eos_ids;                   // of config.json and generation_config.json
  ClipConfig vision = kClipL336;
  HdParams hd;  // mean, std, crop size, default num_crops

  int merged() const { return vision.grid() / 2; }  // g: 2 x 2 patches a side, 12
};

// Reads and checks the JSON files of a model folder; needs no weights. Errors name file and key.
Result<Phi3VConfig> load_phi3v_config(const std::filesystem::path& folder);
// From documents already read; preprocessor and generation may be null (defaults hold then).
Result<Phi3VConfig> parse_phi3v_config(const boost::json::object& config,
                                       const boost::json::object* preprocessor,
                                       const boost::json::object* generation);

}  // namespace oc
