#include "api/sse.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(Sse, DataLinesOnly) {
  std::string out = "before;";
  append_sse_event(out, "{}");
  EXPECT_EQ(out, "before;data: {}\n\n");
  append_sse_comment(out, "progress {}");
  EXPECT_EQ(out, "before;data: {}\n\n: progress {}\n\n");
  EXPECT_TRUE(kSsePing.starts_with(":"));
  EXPECT_TRUE(kSsePing.ends_with("\n\n"));
}

}  // namespace
}  // namespace oc
