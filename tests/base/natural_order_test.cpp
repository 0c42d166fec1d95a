#include "base/natural_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace oc {
namespace {

TEST(NaturalOrder, NumbersByTheirValue) {
  std::vector<std::string> names = {"b",     "frame10", "frame2", "frame02b",
                                    "frame", "a9",      "a10x2",  "a10x10"};
  std::ranges::sort(names, natural_less);
  EXPECT_EQ(names, (std::vector<std::string>{"a9", "a10x2", "a10x10", "b", "frame", "frame2",
                                             "frame02b", "frame10"}));
  EXPECT_FALSE(natural_less("a", "a"));
  EXPECT_TRUE(natural_less("0", "00"));
}

}  // namespace
}  // namespace oc
