// Which frames a model is shown, and what is said to those who send others.
#include "models/video_frames.h"

#include <gtest/gtest.h>

#include <limits>

namespace oc {
namespace {

const FrameRules kRules{.max_frames = 8, .knobs = {}};

std::vector<Message> video(int count, double fps = 1) {
  return {{Role::kUser, {FramesPart{0, count, fps}, TextPart{"What happens?"}}}};
}

TEST(VideoFrames, AsManyAsTheModelIsShown) {
  EXPECT_TRUE(check_frames(kRules, "smolvlm", video(1)).ok());
  EXPECT_TRUE(check_frames(kRules, "smolvlm", video(8)).ok());
  const auto many = check_frames(kRules, "smolvlm", video(20, 3));
  ASSERT_FALSE(many.ok());
  EXPECT_EQ(many.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(many.error().param, "messages");
  EXPECT_EQ(many.error().message,
            "video_frames: a video of 20 frames, SmolVLM2 is shown at most 8");
  EXPECT_EQ(many.error().hint, "send one frame of 3, and an fps of 1");
  EXPECT_FALSE(check_frames(kRules, "smolvlm", video(0)).ok());
}

TEST(VideoFrames, FramesASecondAreBounded) {
  EXPECT_TRUE(check_frames(kRules, "smolvlm", video(2, kMinFps)).ok());
  EXPECT_TRUE(check_frames(kRules, "smolvlm", video(2, kMaxFps)).ok());
  for (const double fps :
       {0.0, -1.0, kMinFps / 2, kMaxFps * 2, std::numeric_limits<double>::infinity(),
        std::numeric_limits<double>::quiet_NaN()}) {
    const auto checked = check_frames(kRules, "smolvlm", video(2, fps));
    ASSERT_FALSE(checked.ok()) << fps;
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(VideoFrames, AModelThatKnowsNoneSaysSoAndWhoDoes) {
  const auto refused = check_frames(std::nullopt, "phi3_v", video(2));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(refused.error().message, "video_frames: Phi-3.5-Vision knows pictures, no videos");
  EXPECT_NE(refused.error().hint.find("SmolVLM2"), std::string::npos);
  EXPECT_NE(check_frames(std::nullopt, "other", video(2)).error().message.find("this model"),
            std::string::npos);
  const std::vector<Message> words = {{Role::kUser, {TextPart{"Hi"}, ImagePart{0}}}};
  EXPECT_TRUE(check_frames(std::nullopt, "phi3_v", words).ok());
}

}  // namespace
}  // namespace oc
