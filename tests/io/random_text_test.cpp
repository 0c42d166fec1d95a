#include "io/random_text.h"

#include <gtest/gtest.h>

#include <set>

namespace oc {
namespace {

TEST(RandomText, HasItsLengthAndAlphabetAndNeverComesTwice) {
  std::set<std::string> seen;
  std::set<char> used;
  for (int i = 0; i < 1000; ++i) {
    const std::string text = random_text(24);
    EXPECT_EQ(text.size(), 24u);
    EXPECT_EQ(text.find_first_not_of("0123456789abcdefghijklmnopqrstuv"), std::string::npos);
    EXPECT_TRUE(seen.insert(text).second) << text;
    used.insert(text.begin(), text.end());
  }
  EXPECT_EQ(used.size(), 32u);
  EXPECT_EQ(random_text(0), "");
}

}  // namespace
}  // namespace oc
