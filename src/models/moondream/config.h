// What the JSON files of a Moondream2 checkpoint say, checked.
#pragma once

#include <filesystem>
#include <map>
#include <vector>

#include "io/json.h"
#include "models/blocks/siglip.h"
#include "models/model.h"
#include "models/moondream/revision.h"

namespace oc {

// What a prompt is made of, behind BOS and the picture; what was typed stands between the two.
struct MoondreamTemplate {
  std::vector<TokenId> prefix, suffix;
};
struct MoondreamPrompts {
  TokenId bos = 0, eos = 0;
  std::map<CaptionLength, std::vector<TokenId>> captions;
  MoondreamTemplate query, detect, point;
  std::vector<TokenId> control_ids;  // that no answer holds
};

struct MoondreamConfig {
  std::int64_t hidden_size = 2048;  // D
  int layers = 24;
  int heads = 32;                         // H = G
  std::int64_t intermediate_size = 8192;  // F
  std::int64_t vocab_size = 51200;        // V
  std::int64_t max_positions = 2048;
  std::int64_t prefix = 730;  // positions that see each other both ways: BOS and the picture's rows
  SiglipConfig vision;
  std::int64_t projection_size = 8192;  // of the hidden layer between tower and decoder
  int max_crops = 12;
  int overlap_margin = 4;  // patches at each side of a crop that the next one has, too
  std::int64_t coord_features = 256, size_features = 512;  // cosines and sines together
  std::int64_t coord_bins = 1024, size_bins = 1024;        // of x or y; of width or height
  std::int64_t region_size = 8192;                         // of the region head's hidden layers
  MoondreamPrompts prompts;
  FoundRevision revision;

  int head_dim() const { return static_cast<int>(hidden_size) / heads; }  // d
  int rotated() const { return head_dim() / 2; }
  std::int64_t image_rows() const { return vision.patches(); }
  // Pixels of a crop that are no other's.
  int window() const { return (vision.grid() - 2 * overlap_margin) * vision.patch_size; }
  int margin() const { return 2 * overlap_margin * vision.patch_size; }  // of both sides together
};

// Reads and checks the JSON files of a model folder; needs no weights. Errors name file and key;
// kUnsupported: what the file asks for is known, and not done.
Result<MoondreamConfig> load_moondream_config(const std::filesystem::path& folder);
// From config.json; `revision`: of the folder.
Result<MoondreamConfig> parse_moondream_config(const boost::json::object& config,
                                               FoundRevision revision);

}  // namespace oc
