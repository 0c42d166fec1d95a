#include "base/check.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

// What the failing check said; empty when nothing was thrown.
template <class Body>
std::string failure_of(Body body) {
  try {
    body();
  } catch (const CheckFailure& failure) {
    return failure.what();
  }
  return "";
}

TEST(Check, SaysConditionAndDetail) {
  const int have = 3, want = 4;
  const std::string text =
      failure_of([&] { OC_CHECK(have == want, "linear: [T, {}] x [{}, V]", have, want); });
  EXPECT_NE(text.find("check_test.cpp:"), std::string::npos) << text;
  EXPECT_NE(text.find("check failed: have == want: linear: [T, 3] x [4, V]"), std::string::npos)
      << text;
}

TEST(Check, TheDetailMayBeLeftOut) {
  const std::string text = failure_of([] { OC_CHECK(1 + 1 == 3); });
  EXPECT_TRUE(text.ends_with("check failed: 1 + 1 == 3")) << text;
}

TEST(Check, EvaluatesTheConditionOnceAndTheDetailOnlyOnFailure) {
  int conditions = 0, details = 0;
  const auto detail = [&] { return ++details; };
  OC_CHECK(++conditions == 1, "{}", detail());
  EXPECT_EQ(conditions, 1);
  EXPECT_EQ(details, 0);
  EXPECT_NE(failure_of([&] { OC_CHECK(++conditions == 1, "{}", detail()); }), "");
  EXPECT_EQ(conditions, 2);
  EXPECT_EQ(details, 1);
}

TEST(Check, DoesNotSayWhereItWasBuilt) {
  const auto at = [](const char* file) {
    return failure_of([&] { check_failed(file, 12, "a", ""); });
  };
  EXPECT_EQ(at("/home/someone/ocellus/src/ops/tensor.h"), "ops/tensor.h:12: check failed: a");
  EXPECT_EQ(at("/usr/src/ocellus/src/io/json.cpp"), "io/json.cpp:12: check failed: a");
  EXPECT_EQ(at("/home/someone/ocellus/apps/ocellus/ask.cpp"), "ask.cpp:12: check failed: a");
  EXPECT_EQ(at("here.cpp"), "here.cpp:12: check failed: a");
}

TEST(Check, IsCaughtAsAnyMistakeOfOurs) {
  EXPECT_THROW(OC_CHECK(false, "{}", 1), std::logic_error);
}

}  // namespace
}  // namespace oc
