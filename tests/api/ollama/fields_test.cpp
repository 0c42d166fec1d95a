// Each row of the tables holds: the parser keeps to its type and bounds, errors name them, and
// docs/ollama.md says the same.
#include "api/ollama/fields.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "api/ollama/ask_request.h"

namespace oc {
namespace {

constexpr OllamaRoute kRoutes[] = {OllamaRoute::kChat, OllamaRoute::kGenerate};

bool is_entry(const RequestField& field) { return field.name.ends_with("[]"); }
bool is_option(const RequestField& field) { return field.name.starts_with("options."); }

// A request whose field of this row has the value.
Result<ChatRequest> parse(OllamaRoute route, const RequestField& field, const std::string& value) {
  std::string body = fmt::format("\"{}\":{}", field.key(), value);
  if (is_option(field)) body = fmt::format("\"options\":{{{}}}", body);
  if (field.name == "top_logprobs") body += ",\"logprobs\":true";
  if (route == OllamaRoute::kChat && field.name != "messages")
    body += R"(,"messages":[{"role":"user","content":"x"}])";
  if (route == OllamaRoute::kGenerate && field.name != "prompt") body += R"(,"prompt":"x")";
  return parse_ollama_request(route, "{" + body + "}", {});
}

void expect_refused(OllamaRoute route, const RequestField& field, const std::string& value) {
  const auto result = parse(route, field, value);
  ASSERT_FALSE(result.ok()) << field.name << " " << value;
  EXPECT_TRUE(result.error().param.starts_with(field.name)) << result.error().param;
}

TEST(OllamaFields, EveryNameStandsOnceAndMeansSomething) {
  for (const OllamaRoute route : kRoutes) {
    std::set<std::string_view> names;
    for (const RequestField& field : ollama_fields(route)) {
      EXPECT_TRUE(names.insert(field.name).second) << field.name;
      EXPECT_FALSE(field.meaning.empty());
      EXPECT_EQ(&ollama_field(route, field.name), &field);
    }
  }
}

TEST(OllamaFields, EveryNumberHasItsBounds) {
  int bounds = 0;
  for (const OllamaRoute route : kRoutes)
    for (const RequestField& field : ollama_fields(route)) {
      if (field.use == FieldUse::kRefused) continue;
      if (field.type != FieldType::kInteger && field.type != FieldType::kNumber) continue;
      ++bounds;
      for (const double inside : {field.min, field.max}) {
        const auto result = parse(route, field, fmt::format("{:.17g}", inside));
        EXPECT_TRUE(result.ok()) << field.name << inside << result.error().describe();
      }
      for (const double outside : {field.min - 1, field.max + 1})
        expect_refused(route, field, fmt::format("{:.17g}", outside));
    }
  EXPECT_EQ(bounds, 2 * 16);
}

TEST(OllamaFields, EveryTypeIsChecked) {
  for (const OllamaRoute route : kRoutes)
    for (const RequestField& field : ollama_fields(route)) {
      if (is_entry(field) || field.use == FieldUse::kRefused) continue;
      EXPECT_TRUE(parse(route, field, "null").ok()) << field.name;
      if (field.use == FieldUse::kNoEffect && field.type == FieldType::kAny) continue;
      expect_refused(route, field, field.type == FieldType::kArray ? "{}" : "[5]");
    }
}

TEST(OllamaFields, WhatIsNotDoneAndWhatChangesNothing) {
  for (const OllamaRoute route : kRoutes)
    for (const RequestField& field : ollama_fields(route)) {
      if (field.use == FieldUse::kRefused) {
        expect_refused(route, field, R"("x")");
        EXPECT_TRUE(parse(route, field, "null").ok()) << field.name;
      }
      if (field.use == FieldUse::kNoEffect) {
        const auto result = parse(route, field, field.type == FieldType::kInteger ? "2" : "true");
        ASSERT_TRUE(result.ok()) << field.name;
        EXPECT_EQ(result->without_effect, std::vector<std::string>{std::string(field.name)});
      }
    }
}

TEST(OllamaFields, TheDocumentSaysTheSame) {
  std::ifstream file(OC_SOURCE_DIR "/docs/ollama.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string document = text.str();
  for (const OllamaRoute route : kRoutes)
    for (const RequestField& field : ollama_fields(route)) {
      const std::string row = fmt::format("| `{}` | {} | {} | {} |\n", field.name,
                                          type_words(field), bound_words(field), field.meaning);
      if (field.use == FieldUse::kKept)
        EXPECT_NE(document.find(row), std::string::npos) << "docs/ollama.md has no row " << row;
      else
        EXPECT_NE(document.find(fmt::format("`{}`", field.name)), std::string::npos) << field.name;
    }
}

}  // namespace
}  // namespace oc
