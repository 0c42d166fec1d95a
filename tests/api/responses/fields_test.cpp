// Each row of the tables holds: the parsers keep to types and bounds, errors name them, and
// docs/api.md says the same.
#include "api/responses/fields.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "api/completions/dialect.h"
#include "api/completions/fields.h"
#include "api/responses/dialect.h"

namespace oc {
namespace {

struct NewerAndOlder {
  const Dialect& dialect;
  std::span<const RequestField> rows;
  std::string_view question, heading;
};
std::vector<NewerAndOlder> tables() {
  return {{responses_dialect(), response_fields(), R"("input":"x")", "## OpenAI's responses"},
          {completions_dialect(), completion_fields(), R"("prompt":"x")",
           "## OpenAI's text completions"}};
}

// Those that stand by themselves: others need a field beside them, or are the question.
bool is_alone(const RequestField& field) {
  static const std::set<std::string_view> kOthers = {"input", "prompt", "top_logprobs",
                                                     "previous_response_id", "best_of"};
  return field.name.find_first_of(".[") == field.name.npos && !kOthers.contains(field.name);
}

Result<ChatRequest> parse(const NewerAndOlder& table, const RequestField& field,
                          const std::string& value) {
  Reservation memory(std::make_shared<MemoryBudget>(16u << 20));
  return table.dialect.parse(fmt::format("{{{},\"{}\":{}}}", table.question, field.key(), value),
                             {}, memory);
}

void expect_refused(const NewerAndOlder& table, const RequestField& field,
                    const std::string& value) {
  const auto result = parse(table, field, value);
  ASSERT_FALSE(result.ok()) << field.name << " " << value;
  EXPECT_TRUE(result.error().param.starts_with(field.name)) << result.error().param;
}

TEST(ResponseFields, EveryNumberHasItsBounds) {
  for (const NewerAndOlder& table : tables())
    for (const RequestField& field : table.rows) {
      const bool number = field.type == FieldType::kInteger || field.type == FieldType::kNumber;
      if (!number || !is_alone(field)) continue;
      EXPECT_TRUE(parse(table, field, fmt::format("{:.17g}", field.min)).ok()) << field.name;
      EXPECT_EQ(parse(table, field, fmt::format("{:.17g}", field.max)).ok(), !field.below_max)
          << field.name;
      for (const double outside : {field.min - 1, field.max + 1})
        expect_refused(table, field, fmt::format("{:.17g}", outside));
    }
}

TEST(ResponseFields, EveryTypeIsChecked) {
  for (const NewerAndOlder& table : tables())
    for (const RequestField& field : table.rows) {
      const bool any = field.type == FieldType::kAny && field.name != "tool_choice";
      if (!is_alone(field) || any || field.use == FieldUse::kRefused) continue;
      expect_refused(table, field, field.type == FieldType::kArray ? "{}" : "[5]");
      EXPECT_TRUE(parse(table, field, "null").ok()) << field.name;
    }
}

TEST(ResponseFields, WhatIsNotDoneAndWhatChangesNothing) {
  for (const NewerAndOlder& table : tables())
    for (const RequestField& field : table.rows) {
      if (!is_alone(field)) continue;
      if (field.use == FieldUse::kRefused) {
        expect_refused(table, field, R"("x")");
        EXPECT_TRUE(parse(table, field, "null").ok()) << field.name;
      }
      if (field.use == FieldUse::kNoEffect) {
        const auto result = parse(table, field,
                                  field.type == FieldType::kString    ? R"("x")"
                                  : field.type == FieldType::kBoolean ? "true"
                                                                      : R"({"a":1})");
        ASSERT_TRUE(result.ok()) << field.name;
        EXPECT_EQ(result->without_effect, std::vector<std::string>{std::string(field.name)});
      }
    }
}

TEST(ResponseFields, TheDocumentSaysTheSame) {
  std::ifstream file(OC_SOURCE_DIR "/docs/api.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string document = text.str();
  for (const NewerAndOlder& table : tables()) {
    const std::size_t begin = document.find(fmt::format("\n{}\n", table.heading));
    ASSERT_NE(begin, std::string::npos) << table.heading;
    const std::string section = document.substr(begin, document.find("\n## ", begin + 1) - begin);
    std::set<std::string_view> names;
    for (const RequestField& field : table.rows) {
      EXPECT_TRUE(names.insert(field.name).second) << field.name;
      // Of what is as in chat completions the row stands there.
      const std::string row = fmt::format("| `{}` | {} | {} | {} |\n", field.name,
                                          type_words(field), bound_words(field), field.meaning);
      if (field.use == FieldUse::kKept)
        EXPECT_NE(document.find(row), std::string::npos) << "docs/api.md has no row " << row;
      const bool inner = field.name.find_first_of(".[") != field.name.npos;
      if (!inner && (table.heading == "## OpenAI's responses" || field.use == FieldUse::kKept))
        EXPECT_NE(section.find(fmt::format("`{}`", field.name)), std::string::npos) << field.name;
    }
  }
}

}  // namespace
}  // namespace oc
