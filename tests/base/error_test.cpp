#include "base/error.h"

#include <gtest/gtest.h>

#include <set>

namespace oc {
namespace {

TEST(Error, EveryCodeHasItsOwnName) {
  const ErrorCode codes[] = {
      ErrorCode::kInvalidArgument, ErrorCode::kNotFound,  ErrorCode::kUnsupported,
      ErrorCode::kTooLarge,        ErrorCode::kCorrupt,   ErrorCode::kContextLength,
      ErrorCode::kUnavailable,     ErrorCode::kQueueFull, ErrorCode::kMemoryFull,
      ErrorCode::kCancelled,       ErrorCode::kDeadline,  ErrorCode::kUnauthenticated,
      ErrorCode::kInternal};
  std::set<std::string_view> names;
  for (const ErrorCode code : codes) {
    const std::string_view name = to_string(code);
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos)
        << name << " stands in JSON and in logs as it is";
    names.insert(name);
  }
  EXPECT_EQ(names.size(), std::size(codes));
  EXPECT_EQ(to_string(ErrorCode::kContextLength), "context_length_exceeded") << "OpenAI's name";
}

TEST(Error, DescribesItselfWithItsHint) {
  const Error plain{ErrorCode::kNotFound, "there is no model \"x\""};
  EXPECT_EQ(plain.describe(), "there is no model \"x\"");
  const Error hinted{ErrorCode::kNotFound, "there is no model \"x\"", "installed: y"};
  EXPECT_EQ(hinted.describe(), "there is no model \"x\" (installed: y)");
}

TEST(Error, IsOurMistakeUntilItSaysOtherwise) { EXPECT_EQ(Error{}.code, ErrorCode::kInternal); }

}  // namespace
}  // namespace oc
