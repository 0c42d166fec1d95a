#include "models/smolvlm/frames.h"

#include <fmt/format.h>

#include <cstdint>

#include "base/check.h"

namespace oc {

std::string number_in_words(int number) {
  static constexpr std::string_view kSmall[] = {
      "zero",     "one",     "two",     "three",     "four",     "five",    "six",
      "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
      "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
  static constexpr std::string_view kTens[] = {"",      "",      "twenty",  "thirty", "forty",
                                               "fifty", "sixty", "seventy", "eighty", "ninety"};
  OC_CHECK(number >= 0 && number < 1000, "no words for {}", number);
  if (number < 20) return std::string(kSmall[number]);
  if (number < 100) {
    const std::string tens(kTens[number / 10]);
    return number % 10 == 0 ? tens : fmt::format("{}-{}", tens, kSmall[number % 10]);
  }
  const std::string hundreds = fmt::format("{} hundred", kSmall[number / 100]);
  if (number % 100 == 0) return hundreds;
  return fmt::format("{} and {}", hundreds, number_in_words(number % 100));
}

std::string smolvlm_video_intro(int frames, double fps) {
  const auto seconds = static_cast<std::int64_t>(frames / fps);
  const std::int64_t days = seconds / 86400;  // as Python's timedelta writes them
  return fmt::format(
      "You are provided the following series of {} frames from a {}{}:{:02}:{:02} [H:MM:SS] "
      "video.\n",
      number_in_words(frames),
      days == 0 ? "" : fmt::format("{} day{}, ", days, days == 1 ? "" : "s"), seconds / 3600 % 24,
      seconds / 60 % 60, seconds % 60);
}

std::string smolvlm_frame_heading(int index, double fps) {
  const auto seconds = static_cast<std::int64_t>(index / fps);
  return fmt::format("\nFrame from {:02}:{:02}:", seconds / 60, seconds % 60);
}

}  // namespace oc
