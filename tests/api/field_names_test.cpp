#include "api/field_names.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

FieldNames names() {
  FieldNames out;
  out.call("max_tokens", "options.max_tokens");
  out.call("messages", "input");
  return out;
}

TEST(FieldNames, OthersAreAsTheyAre) {
  EXPECT_EQ(names().of("max_tokens"), "options.max_tokens");
  EXPECT_EQ(names().of("n"), "n");
  FieldNames again = names();
  again.call("max_tokens", "n_predict");
  EXPECT_EQ(again.of("max_tokens"), "n_predict");
}

TEST(FieldNames, AnErrorNamesTheClientsFields) {
  const Error told =
      names().in_their_words({ErrorCode::kInvalidArgument, "max_tokens is 9, \"messages\" are long",
                              "a smaller max_tokens.", "max_tokens"});
  EXPECT_EQ(told.message, "options.max_tokens is 9, \"input\" are long");
  EXPECT_EQ(told.hint, "a smaller options.max_tokens.");
  EXPECT_EQ(told.param, "options.max_tokens");
  EXPECT_EQ(names().in_their_words(told).message, told.message) << "twice is as once";
}

TEST(FieldNames, EntriesHaveNamesOfTheirOwn) {
  FieldNames names;
  names.call("prompt", "prompt[0]");
  names.call("prompt[", "prompt[0][");
  const auto told = [&](const Error& error) {
    const Error in_theirs = names.in_their_words(error);
    return in_theirs.param + ": " + in_theirs.message;
  };
  EXPECT_EQ(told({ErrorCode::kInternal, "\"prompt[0]\" and \"prompt[12]\"", "", "prompt[0]"}),
            "prompt[0][0]: \"prompt[0][0]\" and \"prompt[0][12]\"");
  EXPECT_EQ(told({ErrorCode::kInternal, "\"prompt\" of the prompt[", "", "prompt"}),
            "prompt[0]: \"prompt[0]\" of the prompt[");
}

TEST(FieldNames, OnlyWholeWordsAndPlainOnesOnlyInQuotes) {
  const std::string text = "--max_tokens_cap, x.max_tokens: other messages, messages[0]";
  EXPECT_EQ(names().in_their_words({ErrorCode::kInternal, text, "", "messages[0]"}).message, text);
  EXPECT_EQ(names().in_their_words({ErrorCode::kInternal, text, "", "messages[0]"}).param,
            "messages[0]");
}

}  // namespace
}  // namespace oc
