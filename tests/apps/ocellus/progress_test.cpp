#include "progress.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(WorkText, RateTimeLeftAndWhatElseThereIs) {
  EXPECT_EQ(
      work_text({.done = 420, .all = 1000, .share = 0.42, .note = "3 failed"}, 35.25, 16.4, kNoBar),
      " 42 %  420 of 1000  35.2 a second  17 s left  3 failed");
  EXPECT_EQ(work_text({.done = 7, .share = 0.999}, -1, -1, kNoBar), " 99 %  7");
  const std::string bar = work_text({.done = 5, .all = 10, .share = 0.5}, -1, -1, 80);
  EXPECT_EQ(bar, "[############            ]  50 %  5 of 10");
  EXPECT_EQ(work_text({.done = 5, .all = 10, .share = 0.5}, -1, -1, 12), " 50 %  5 of");
}

}  // namespace
}  // namespace oc
