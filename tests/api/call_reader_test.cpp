#include "api/call_reader.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

const ForcedCall kOne{{"get_time"}};
const ForcedCall kTwo{{"get_time", "look"}};

// In pieces of every size, as a stream brings them.
void expect_call(const ForcedCall& call, std::string_view text, std::string_view tool,
                 std::string_view arguments) {
  for (std::size_t size = 1; size <= text.size(); ++size) {
    CallReader reader(call);
    for (std::size_t at = 0; at < text.size(); at += size) reader.add(text.substr(at, size));
    EXPECT_EQ(reader.tool(), tool) << text << " by " << size;
    EXPECT_EQ(reader.arguments(), arguments) << text << " by " << size;
  }
}

TEST(CallReader, OneToolsAnswerIsItsArguments) {
  CallReader reader(kOne);
  EXPECT_EQ(reader.tool(), "get_time");
  expect_call(kOne, R"({"zone": "UTC"})", "get_time", R"({"zone": "UTC"})");
  expect_call(kOne, R"( {} )", "get_time", "{}");
}

TEST(CallReader, OfSeveralTheNameComesFirst) {
  expect_call(kTwo, R"({"name": "look", "arguments": {"at": {"x": [1, 2]}}})", "look",
              R"({"at": {"x": [1, 2]}})");
  expect_call(kTwo, "{ \n\"name\" :\"get_time\" ,\n\"arguments\":{}\n}", "get_time", "{}");
  CallReader reader(kTwo);
  reader.add(R"({"name": "lo)");
  EXPECT_EQ(reader.tool(), "") << "not all of it";
}

TEST(CallReader, BracketsAndQuotesInStringsAreText) {
  const std::string_view arguments = R"({"a": "}]\"{[\\", "b": ["\\\"", {"}": "{"}]})";
  expect_call(kOne, arguments, "get_time", arguments);
  expect_call(kTwo, R"({"name": "look", "arguments": )" + std::string(arguments) + "}", "look",
              arguments);
}

TEST(CallReader, WhatIsCutOffStandsAsItIs) {
  expect_call(kOne, R"({"zone": "U)", "get_time", R"({"zone": "U)");
  expect_call(kTwo, R"({"na)", "", "");
  expect_call(kTwo, R"({"name": "look", "argu)", "look", "");
}

}  // namespace
}  // namespace oc
