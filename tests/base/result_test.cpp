#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace oc {
namespace {

Error lost() { return {ErrorCode::kNotFound, "lost", "look again"}; }

TEST(Result, HoldsAValue) {
  Result<std::string> result = std::string("here");
  EXPECT_TRUE(result.ok());
  EXPECT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(*result, "here");
  EXPECT_EQ(result->size(), 4u);
  result.value() += "!";
  const Result<std::string>& constant = result;
  EXPECT_EQ(constant.value(), "here!");
  EXPECT_EQ(*constant, "here!");
  EXPECT_EQ(constant->back(), '!');
}

TEST(Result, HoldsAnError) {
  Result<int> result = lost();
  EXPECT_FALSE(result.ok());
  EXPECT_FALSE(static_cast<bool>(result));
  EXPECT_EQ(result.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(result.error().message, "lost");
  EXPECT_EQ(std::move(result).error().hint, "look again");
}

TEST(Result, AskingForWhatIsNotThereIsOurMistake) {
  Result<int> failed = lost();
  try {
    static_cast<void>(failed.value());
    FAIL() << "the value of an error was handed out";
  } catch (const CheckFailure& failure) {
    EXPECT_NE(std::string(failure.what()).find("lost"), std::string::npos) << failure.what();
  }
  EXPECT_THROW(static_cast<void>(*failed), CheckFailure);
  EXPECT_THROW(static_cast<void>(*std::move(failed)), CheckFailure);
  EXPECT_THROW(static_cast<void>(Result<int>(1).error()), CheckFailure);
  Result<void> done;
  EXPECT_THROW(static_cast<void>(done.error()), CheckFailure);
  EXPECT_THROW(static_cast<void>(std::move(done).error()), CheckFailure);
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 7);
}

TEST(Result, TakesWhatConvertsToItsValue) {
  const Result<std::string> text = "literal";
  EXPECT_EQ(*text, "literal");
  const Result<std::optional<int>> some = 3;
  EXPECT_EQ(some.value(), std::optional(3));
  const Result<std::shared_ptr<const int>> shared = std::make_shared<int>(5);
  EXPECT_EQ(**shared, 5);
}

Result<void> check(bool good) {
  if (!good) return lost();
  return {};
}
Result<int> half(int n) {
  if (n % 2 != 0) return Error{ErrorCode::kInvalidArgument, std::to_string(n) + " is odd"};
  return n / 2;
}

// Both macros twice in one function, and the steps that were reached.
Result<std::string> walk(bool first, int n, std::vector<int>& steps) {
  OC_RETURN_IF_ERROR(check(first));
  steps.push_back(1);
  OC_ASSIGN_OR_RETURN(const int once, half(n));
  steps.push_back(2);
  OC_ASSIGN_OR_RETURN(int twice, half(once));
  OC_RETURN_IF_ERROR(check(true));
  steps.push_back(3);
  return std::to_string(++twice);
}

TEST(Result, MacrosReturnTheFirstError) {
  std::vector<int> steps;
  const auto result = walk(true, 12, steps);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(*result, "4");
  EXPECT_EQ(steps, (std::vector{1, 2, 3}));

  steps.clear();
  EXPECT_EQ(walk(false, 12, steps).error().message, "lost");
  EXPECT_TRUE(steps.empty());
  EXPECT_EQ(walk(true, 7, steps).error().message, "7 is odd");
  EXPECT_EQ(steps, (std::vector{1}));
  EXPECT_EQ(walk(true, 6, steps).error().message, "3 is odd");
  EXPECT_EQ(steps, (std::vector{1, 1, 2}));
}

TEST(Result, TheMacroMovesTheValueOut) {
  const auto take = []() -> Result<std::unique_ptr<int>> {
    OC_ASSIGN_OR_RETURN(std::unique_ptr<int> owned,
                        Result<std::unique_ptr<int>>(std::make_unique<int>(9)));
    return owned;
  };
  EXPECT_EQ(**take(), 9);
}

}  // namespace
}  // namespace oc
