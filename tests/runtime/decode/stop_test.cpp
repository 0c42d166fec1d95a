#include "runtime/decode/stop.h"

#include <gtest/gtest.h>

#include <random>

namespace oc {
namespace {

struct Outcome {
  std::string shown;
  std::optional<std::string> hit;
  bool operator==(const Outcome&) const = default;
};

// The definition, without a stream: the shortest prefix that ends with a stop string, the longest
// of those that end there.
Outcome plain(const std::string& text, const std::vector<std::string>& stops) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::optional<std::string> best;
    for (const std::string& stop : stops)
      if (!stop.empty() && stop.size() <= end &&
          text.compare(end - stop.size(), stop.size(), stop) == 0 &&
          (!best || stop.size() > best->size()))
        best = stop;
    if (best) return {text.substr(0, end - best->size()), best};
  }
  return {text, std::nullopt};
}

Outcome streamed(const std::vector<std::string>& parts, const std::vector<std::string>& stops) {
  StopMatcher matcher(stops);
  std::string shown;
  for (const std::string& part : parts) shown += matcher.push(part);
  shown += matcher.flush();
  return {shown, matcher.hit()};
}

TEST(StopMatcher, HoldsBackWhatMayBecomeAStopString) {
  StopMatcher matcher({"\nUser:"});
  EXPECT_EQ(matcher.push("Red."), "Red.");
  EXPECT_EQ(matcher.push("\nUs"), "");
  EXPECT_EQ(matcher.push("ually"), "\nUsually");
  EXPECT_EQ(matcher.push(" a\nUser"), " a");
  EXPECT_EQ(matcher.push(": hi"), "");
  EXPECT_EQ(matcher.hit(), "\nUser:");
  EXPECT_EQ(matcher.push("more"), "");
  EXPECT_EQ(matcher.flush(), "");
}

TEST(StopMatcher, WithoutStopsEverythingPassesAtOnce) {
  StopMatcher matcher({""});
  EXPECT_TRUE(matcher.empty());
  EXPECT_EQ(matcher.push("abc"), "abc");
  EXPECT_EQ(matcher.flush(), "");
  EXPECT_FALSE(matcher.hit());
}

TEST(StopMatcher, EndOfTheAnswerReleasesWhatWasHeld) {
  EXPECT_EQ(streamed({"one ##", "#"}, {"####"}), (Outcome{"one ###", std::nullopt}));
}

TEST(StopMatcher, TheOneThatIsCompleteFirstWins) {
  EXPECT_EQ(streamed({"xabcd"}, {"bcd", "ab"}), (Outcome{"x", "ab"}));
  EXPECT_EQ(streamed({"xa", "bc"}, {"bc", "abc", "c"}), (Outcome{"x", "abc"}));
}

TEST(StopMatcher, OverlappingBeginnings) {
  EXPECT_EQ(streamed({"aa", "aab"}, {"aab"}), (Outcome{"aa", "aab"}));
  EXPECT_EQ(streamed({"abab", "abc"}, {"ababc"}), (Outcome{"ab", "ababc"}));
}

TEST(StopMatcher, RandomTextsInRandomPiecesAgreeWithTheDefinition) {
  std::mt19937 random(5);
  const auto below = [&](unsigned n) { return random() % n; };
  const auto word = [&](std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('a' + below(2 + below(2)));
    return text;
  };
  int hits = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::string> stops;
    for (unsigned i = below(4); i > 0; --i) stops.push_back(word(below(7)));
    const std::string text = word(below(40));
    std::vector<std::string> parts;
    for (std::size_t at = 0; at < text.size();) {
      parts.push_back(text.substr(at, 1 + below(5)));
      at += parts.back().size();
    }
    const Outcome expected = plain(text, stops);
    ASSERT_EQ(streamed(parts, stops), expected) << text;
    hits += expected.hit.has_value();
  }
  EXPECT_GT(hits, 5'000);
  EXPECT_LT(hits, 19'000);
}

// No prefix of the stream may show text that a later hit cuts away.
TEST(StopMatcher, NeverShowsWhatItTakesBack) {
  const std::vector<std::string> stops = {"abab", "bb", "aabaa"};
  std::mt19937 random(6);
  for (int round = 0; round < 2'000; ++round) {
    std::string text;
    for (int i = 0; i < 30; ++i) text += static_cast<char>('a' + random() % 2);
    const std::string end = plain(text, stops).shown;
    StopMatcher matcher(stops);
    std::string shown;
    for (const char c : text) {
      shown += matcher.push({&c, 1});
      ASSERT_TRUE(end.starts_with(shown)) << text;
    }
  }
}

}  // namespace
}  // namespace oc
