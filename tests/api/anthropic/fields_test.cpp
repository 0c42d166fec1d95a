// Each row of the table holds: the parser keeps to its type and bounds, errors name them, and
// docs/api.md says the same.
#include "api/anthropic/fields.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "api/anthropic/messages_request.h"

namespace oc {
namespace {

bool is_top(const RequestField& field) { return field.name.find('[') == field.name.npos; }

// A request whose field of this row has the value.
Result<ChatRequest> parse(const RequestField& field, const std::string& value) {
  std::string messages =
      field.name == "messages" ? "" : R"("messages":[{"role":"user","content":"x"}],)";
  return parse_messages_request(fmt::format("{{{}\"{}\":{}}}", messages, field.key(), value), {});
}

void expect_refused(const RequestField& field, const std::string& value) {
  const auto result = parse(field, value);
  ASSERT_FALSE(result.ok()) << field.name << " " << value;
  EXPECT_TRUE(result.error().param.starts_with(field.name)) << result.error().param;
}

TEST(AnthropicFields, EveryNameStandsOnceAndMeansSomething) {
  std::set<std::string_view> names;
  for (const RequestField& field : messages_fields()) {
    EXPECT_TRUE(names.insert(field.name).second) << field.name;
    EXPECT_FALSE(field.meaning.empty());
    EXPECT_EQ(&messages_field(field.name), &field);
  }
}

TEST(AnthropicFields, EveryNumberHasItsBounds) {
  int bounds = 0;
  for (const RequestField& field : messages_fields()) {
    if (field.type != FieldType::kInteger && field.type != FieldType::kNumber) continue;
    ++bounds;
    for (const double inside : {field.min, field.max})
      EXPECT_TRUE(parse(field, fmt::format("{:.17g}", inside)).ok()) << field.name << inside;
    for (const double outside : {field.min - 1, field.max + 1})
      expect_refused(field, fmt::format("{:.17g}", outside));
  }
  EXPECT_EQ(bounds, 4);
}

TEST(AnthropicFields, EveryTypeIsChecked) {
  for (const RequestField& field : messages_fields()) {
    if (!is_top(field) || field.use == FieldUse::kRefused) continue;
    expect_refused(field, field.type == FieldType::kArray ? "{}" : "[5]");
    EXPECT_EQ(parse(field, "null").ok(), field.name != "messages") << field.name;
  }
}

TEST(AnthropicFields, WhatIsNotDoneAndWhatChangesNothing) {
  for (const RequestField& field : messages_fields()) {
    if (field.use == FieldUse::kRefused) {
      expect_refused(field, R"("x")");
      EXPECT_TRUE(parse(field, "null").ok()) << field.name;
    }
    if (field.use == FieldUse::kNoEffect) {
      const auto result = parse(field, field.type == FieldType::kString ? R"("x")" : "{}");
      ASSERT_TRUE(result.ok()) << field.name;
      EXPECT_EQ(result->without_effect, std::vector<std::string>{std::string(field.name)});
    }
  }
}

TEST(AnthropicFields, TheDocumentSaysTheSame) {
  std::ifstream file(OC_SOURCE_DIR "/docs/api.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string document = text.str();
  const std::string section = document.substr(document.find("\n## Anthropic's messages\n"));
  for (const RequestField& field : messages_fields()) {
    const std::string row = fmt::format("| `{}` | {} | {} | {} |\n", field.name, type_words(field),
                                        bound_words(field), field.meaning);
    if (field.use == FieldUse::kKept)
      EXPECT_NE(section.find(row), std::string::npos) << "docs/api.md has no row " << row;
    else
      EXPECT_NE(section.find(fmt::format("`{}`", field.name)), std::string::npos) << field.name;
  }
}

}  // namespace
}  // namespace oc
