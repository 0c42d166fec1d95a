#include "suggest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace oc {
namespace {

TEST(Suggest, TheNearestName) {
  const std::vector<std::string> verbs{"ask", "chat", "caption", "detect", "serve", "see", "ps"};
  const auto nearest = [&](std::string_view word) { return nearest_name(word, verbs); };
  EXPECT_EQ(nearest("asl"), "ask");
  EXPECT_EQ(nearest("aks"), "ask") << "changed about";
  EXPECT_EQ(nearest("ASK"), "ask");
  EXPECT_EQ(nearest("serv"), "serve");
  EXPECT_EQ(nearest("sere"), "serve");
  EXPECT_EQ(nearest("detects"), "detect");
  EXPECT_EQ(nearest("captoin"), "caption");
  EXPECT_EQ(nearest("capshun"), "");
  EXPECT_EQ(nearest("describe"), "");
  EXPECT_EQ(nearest("x"), "");
  EXPECT_EQ(nearest(""), "");
  EXPECT_EQ(nearest(std::string(100'000, 'a')), "");
}

TEST(Suggest, TheFirstOfSeveral) {
  const std::vector<std::string> flags{"--max-tokens", "--max-token", "--top-k", "--top-p"};
  EXPECT_EQ(nearest_name("--max-tokns", flags), "--max-tokens");
  EXPECT_EQ(nearest_name("--top-q", flags), "--top-k");
}

}  // namespace
}  // namespace oc
