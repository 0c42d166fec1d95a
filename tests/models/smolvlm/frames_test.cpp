// Words around the frames of a video; whole prompts are in prompt_test.cpp.
#include "models/smolvlm/frames.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(SmolVlmFrames, NumbersInWords) {
  EXPECT_EQ(number_in_words(0), "zero");
  EXPECT_EQ(number_in_words(1), "one");
  EXPECT_EQ(number_in_words(13), "thirteen");
  EXPECT_EQ(number_in_words(19), "nineteen");
  EXPECT_EQ(number_in_words(20), "twenty");
  EXPECT_EQ(number_in_words(25), "twenty-five");
  EXPECT_EQ(number_in_words(64), "sixty-four");
  EXPECT_EQ(number_in_words(99), "ninety-nine");
  EXPECT_EQ(number_in_words(100), "one hundred");
  EXPECT_EQ(number_in_words(101), "one hundred and one");
  EXPECT_EQ(number_in_words(342), "three hundred and forty-two");
  EXPECT_EQ(number_in_words(999), "nine hundred and ninety-nine");
}

TEST(SmolVlmFrames, TheVideosLengthIsCutToSeconds) {
  const auto intro = [](int frames, double fps) {
    const std::string text = smolvlm_video_intro(frames, fps);
    const std::size_t from = text.find("from a ") + 7;
    return text.substr(from, text.find(" [H:MM:SS]") - from);
  };
  EXPECT_EQ(
      smolvlm_video_intro(2, 1),
      "You are provided the following series of two frames from a 0:00:02 [H:MM:SS] video.\n");
  EXPECT_EQ(intro(1, 2), "0:00:00");
  EXPECT_EQ(intro(3, 2), "0:00:01");
  EXPECT_EQ(intro(64, 1), "0:01:04");
  EXPECT_EQ(intro(64, 0.01), "1:46:40");
  EXPECT_EQ(intro(90, 0.001), "1 day, 1:00:00");
  EXPECT_EQ(intro(180, 0.001), "2 days, 2:00:00");
}

TEST(SmolVlmFrames, EachHasItsTime) {
  EXPECT_EQ(smolvlm_frame_heading(0, 1), "\nFrame from 00:00:");
  EXPECT_EQ(smolvlm_frame_heading(61, 1), "\nFrame from 01:01:");
  EXPECT_EQ(smolvlm_frame_heading(3, 2), "\nFrame from 00:01:");
  EXPECT_EQ(smolvlm_frame_heading(63, 0.01), "\nFrame from 105:00:");  // hours are minutes, too
}

}  // namespace
}  // namespace oc
