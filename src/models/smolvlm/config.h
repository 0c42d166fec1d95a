// What the JSON files of a SmolVLM2 checkpoint say, checked.
#pragma once

#include <array>
#include <filesystem>
#include <vector>

#include "io/json.h"
#include "models/blocks/siglip.h"
#include "models/model.h"

namespace oc {

// Rows and columns of tiles have a token each: <row_1_col_1> to <row_6_col_6>.
inline constexpr int kMaxTilesOfSide = 6;

// preprocessor_config.json.
struct SmolVlmImageConfig {
  int tile = 0;                    // max_image_size.longest_edge: side of a tile and of a view
  int longest_edge = 0;            // size.longest_edge: of the picture's first resize
  bool do_image_splitting = true;  // false: one view
  int max_frames = 64;             // video_sampling.max_frames: of one video
  int frame_edge = 0;  // video_sampling.video_size.longest_edge: as longest_edge, of a frame
  double rescale_factor = 0.00392156862745098;
  std::array<float, 3> mean = {0.5f, 0.5f, 0.5f}, std = {0.5f, 0.5f, 0.5f};
};

struct SmolVlmConfig {
  std::int64_t hidden_size = 0;  // D
  int layers = 0;
  int heads = 0;                       // H
  int kv_heads = 0;                    // G
  int head_dim = 0;                    // d
  std::int64_t intermediate_size = 0;  // F
  std::int64_t vocab_size = 0;         // V
  float rms_norm_eps = 0;
  double rope_theta = 0;
  std::int64_t max_positions = 0;  // most tokens of a sequence
  std::int64_t image_token_id = -1;
  std::vector<TokenId> eos_ids;  // of generation_config.json
  int scale_factor = 0;          // patches a side that become one token
  SiglipConfig vision;
  SmolVlmImageConfig image;

  int view_side() const { return vision.grid() / scale_factor; }  // tokens a side of a view
  int view_tokens() const { return view_side() * view_side(); }   // image_seq_len
};

// Reads and checks the JSON files of a model folder; needs no weights. Errors name file and key;
// kUnsupported: what the file asks for is known, and not done.
Result<SmolVlmConfig> load_smolvlm_config(const std::filesystem::path& folder);
// From documents already read; all but the first may be null (defaults hold then).
Result<SmolVlmConfig> parse_smolvlm_config(const boost::json::object& config,
                                           const boost::json::object* preprocessor,
                                           const boost::json::object* processor,
                                           const boost::json::object* generation);

}  // namespace oc
