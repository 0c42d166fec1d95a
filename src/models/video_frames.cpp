#include "models/video_frames.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "models/registry.h"

namespace oc {
namespace {

std::string title_of(std::string_view architecture) {
  const auto all = architectures();
  const auto found = std::ranges::find(all, architecture, &Architecture::type);
  return found != all.end() ? std::string(found->title) : "this model";
}

Error wrong_frames(std::string message, std::string hint = {}) {
  return {ErrorCode::kInvalidArgument, std::move(message), std::move(hint), "messages"};
}

Result<void> check(const FramesPart& frames, int max_frames, std::string_view architecture) {
  if (!(frames.fps >= kMinFps && frames.fps <= kMaxFps))
    return wrong_frames(
        fmt::format("video_frames: fps is {}, it must be {} to {}", frames.fps, kMinFps, kMaxFps));
  if (frames.count < 1) return wrong_frames("video_frames: there is no frame");
  if (frames.count <= max_frames) return {};
  const int step = (frames.count + max_frames - 1) / max_frames;
  return wrong_frames(
      fmt::format("video_frames: a video of {} frames, {} is shown at most {}", frames.count,
                  title_of(architecture), max_frames),
      fmt::format("send one frame of {}, and an fps of {:.4g}", step, frames.fps / step));
}

}  // namespace

Error no_frames(std::string_view architecture) {
  std::vector<std::string_view> others;
  for (const Architecture& one : architectures())
    if (one.frames) others.push_back(one.title);
  std::string hint = "send some of them as pictures";
  if (!others.empty())
    hint += fmt::format(", or ask a model that knows videos: {}", fmt::join(others, ", "));
  return {ErrorCode::kUnsupported,
          fmt::format("video_frames: {} knows pictures, no videos", title_of(architecture)),
          std::move(hint), "messages"};
}

Result<void> check_frames(const std::optional<FrameRules>& rules, std::string_view architecture,
                          std::span<const Message> messages) {
  for (const Message& message : messages)
    for (const Part& part : message.parts) {
      const auto* frames = std::get_if<FramesPart>(&part);
      if (frames == nullptr) continue;
      if (!rules) return no_frames(architecture);
      OC_RETURN_IF_ERROR(check(*frames, rules->max_frames, architecture));
    }
  return {};
}

}  // namespace oc
