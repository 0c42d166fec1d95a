#include "http/refusal_log.h"

#include <gtest/gtest.h>

namespace oc::http {
namespace {

using namespace std::chrono_literals;

TEST(RefusalLog, OneLineAMinuteAboutEach) {
  RefusalLog log;
  const auto start = RefusalLog::Clock::now();
  EXPECT_EQ(log.due("a", start), 0u);
  EXPECT_EQ(log.due("b", start), 0u);
  for (int i = 0; i < 59; ++i) EXPECT_FALSE(log.due("a", start + i * 1s));
  EXPECT_EQ(log.due("a", start + 60s), 59u);
  EXPECT_FALSE(log.due("a", start + 61s));
  EXPECT_EQ(log.due("b", start + 61s), 0u);
}

TEST(RefusalLog, ManyNamesShareALine) {
  RefusalLog log;
  const auto start = RefusalLog::Clock::now();
  int lines = 0;
  for (int i = 0; i < 10'000; ++i)
    if (log.due(std::to_string(i), start + i * 1ms)) ++lines;
  EXPECT_LE(lines, 33);
  EXPECT_TRUE(log.due("later", start + 120s));
}

}  // namespace
}  // namespace oc::http
