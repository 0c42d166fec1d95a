#include "models/blocks/clip_config.h"

#include <fmt/format.h>

namespace oc {
namespace {

constexpr std::int64_t kMaxDim = 1 << 20;  // no dimension of a sane checkpoint is larger

}  // namespace

Result<ClipConfig> parse_clip_config(const JsonReader& config, const ClipConfig& defaults) {
  ClipConfig clip = defaults;
  if (!config.has("vision_config")) return clip;
  OC_ASSIGN_OR_RETURN(const JsonReader vision, config.object("vision_config"));
  OC_ASSIGN_OR_RETURN(clip.hidden_size,
                      vision.integer_or("hidden_size", clip.hidden_size, 1, kMaxDim));
  OC_ASSIGN_OR_RETURN(clip.layers, vision.integer_or("num_hidden_layers", clip.layers, 2, 1024));
  OC_ASSIGN_OR_RETURN(clip.heads, vision.integer_or("num_attention_heads", clip.heads, 1, 1024));
  OC_ASSIGN_OR_RETURN(clip.intermediate_size,
                      vision.integer_or("intermediate_size", clip.intermediate_size, 1, kMaxDim));
  OC_ASSIGN_OR_RETURN(clip.image_size, vision.integer_or("image_size", clip.image_size, 4, 4096));
  OC_ASSIGN_OR_RETURN(clip.patch_size, vision.integer_or("patch_size", clip.patch_size, 1, 1024));
  if (clip.hidden_size % clip.heads != 0)
    return Error{ErrorCode::kCorrupt,
                 fmt::format("config.json: vision_config: hidden_size {} is not a multiple of "
                             "num_attention_heads {}",
                             clip.hidden_size, clip.heads),
                 "use the model's files as published"};
  return clip;
}

}  // namespace oc
