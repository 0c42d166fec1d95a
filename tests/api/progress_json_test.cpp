#include "api/progress_json.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(ProgressJson, SaysWhatThePhaseCounts) {
  using enum AnswerPhase;
  EXPECT_EQ(progress_json({.phase = kEncoding, .done = 3, .total = 13}),
            R"({"phase":"encoding","done":3,"total":13})");
  EXPECT_EQ(progress_json({.phase = kQueued, .ahead = 2}), R"({"phase":"queued","ahead":2})");
  EXPECT_EQ(progress_json({.phase = kAnswering}), R"({"phase":"answering"})");
  EXPECT_EQ(progress_json({.phase = kPrefill, .done = 0, .total = 9}),
            R"({"phase":"prefill","done":0,"total":9})");
}

}  // namespace
}  // namespace oc
