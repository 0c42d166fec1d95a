#include "runtime/eval/vqa_contractions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace oc {
namespace {

TEST(VqaContractions, EveryEnding) {
  for (const std::string_view with :
       {"ain't", "couldn't", "couldn't've", "could've", "how'd", "she'd've", "they'd've",
        "something'll", "when's", "there're", "ma'am", "'twas", "o'clock", "y'all"}) {
    std::string without(with);
    std::erase(without, '\'');
    const bool keeps_one = with.find("'d've") != with.npos || with.find("n't've") != with.npos;
    if (keeps_one) without.insert(without.size() - 2, "'");  // "couldnt've"
    EXPECT_EQ(with_apostrophe(without), with);
  }
}

TEST(VqaContractions, OtherWordsStay) {
  for (const std::string_view word : {"", "cat", "its", "shed", "wed", "well", "shell", "hell",
                                      "were", "id", "couldntve", "'s", "don't"})
    EXPECT_EQ(with_apostrophe(word), word);
}

}  // namespace
}  // namespace oc
