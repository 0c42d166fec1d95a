// Frames of a video: pictures that a family shows its model one behind the other, with words of its
// own around them. What others than the family need to know of that.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "models/image_plan.h"
#include "models/message.h"

namespace oc {

// Of a model that is shown frames.
struct FrameRules {
  int max_frames = 0;  // of one video
  KnobValues knobs;    // how each is planned, whatever the request says of its pictures
};

// Frames a second: one in a quarter of an hour, and as many as any camera makes.
inline constexpr double kMinFps = 0.001, kMaxFps = 1000;

// kUnsupported: there are frames, and no rules for them; kInvalidArgument: more than may be, none,
// or an fps out of bounds. `architecture`: as of ModelInfo. param "messages".
Result<void> check_frames(const std::optional<FrameRules>& rules, std::string_view architecture,
                          std::span<const Message> messages);
// For a family that is given some all the same.
Error no_frames(std::string_view architecture);

}  // namespace oc
