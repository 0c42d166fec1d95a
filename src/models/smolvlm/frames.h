// What SmolVLM2 is told around the frames of a video. (video_processing_smolvlm.py)
#pragma once

#include <string>
#include <string_view>

namespace oc {

// In front of all: how many there are, in words, and how long they take, cut to whole seconds.
std::string smolvlm_video_intro(int frames, double fps);
// In front of frame `index`, counted from 0: when it was, in whole minutes and seconds.
std::string smolvlm_frame_heading(int index, double fps);
inline constexpr std::string_view kSmolVlmBehindVideo = "\n\n";

// "twenty-five", "one hundred and one": as Python's num2words has it; 0 to 999.
std::string number_in_words(int number);

}  // namespace oc
