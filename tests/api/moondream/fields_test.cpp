// Each row of the tables holds: the parser keeps to its type and bounds, errors name them, and
// docs/api.md says the same.
#include "api/moondream/fields.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <set>
#include <sstream>

#include "api/moondream/task_request.h"

namespace oc {
namespace {

constexpr std::array kRoutes = {MoondreamRoute::kQuery, MoondreamRoute::kCaption,
                                MoondreamRoute::kDetect, MoondreamRoute::kPoint};

// A request whose field of this row has the value.
Result<ChatRequest> parse(MoondreamRoute route, const RequestField& field,
                          const std::string& value) {
  std::string more;
  const auto need = [&](std::string_view name, std::string_view text) {
    if (field.name != name) more += fmt::format(R"("{}":"{}",)", name, text);
  };
  need("image_url", "data:image/png;base64,iVBORw0KGgo=");
  if (route == MoondreamRoute::kQuery) need("question", "What?");
  if (route == MoondreamRoute::kDetect || route == MoondreamRoute::kPoint) need("object", "cat");
  const bool setting = field.name.starts_with("settings.");
  const std::string own = fmt::format(R"("{}":{})", field.key(), value);
  return parse_task_request(route,
                            "{" + more + (setting ? R"("settings":{)" + own + "}" : own) + "}", {});
}

template <class Check>
void for_each_row(Check check) {
  for (const MoondreamRoute route : kRoutes)
    for (const RequestField& field : moondream_fields(route)) check(route, field);
}

std::string value_of(const RequestField& field, double size) {
  if (field.type == FieldType::kString)
    return '"' + std::string(static_cast<std::size_t>(size), 'x') + '"';
  return fmt::format("{:.17g}", size);
}

void expect_refused(MoondreamRoute route, const RequestField& field, const std::string& value) {
  const auto result = parse(route, field, value);
  ASSERT_FALSE(result.ok()) << name_of(route) << " " << field.name << " " << value.substr(0, 40);
  EXPECT_EQ(result.error().param, field.name) << name_of(route);
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(result.error().message.find(expected(field)), std::string::npos)
      << result.error().message;
}

TEST(MoondreamFields, EveryNameStandsOnceAndMeansSomething) {
  for (const MoondreamRoute route : kRoutes) {
    std::set<std::string_view> names;
    for (const RequestField& field : moondream_fields(route)) {
      EXPECT_TRUE(names.insert(field.name).second) << name_of(route) << " " << field.name;
      EXPECT_FALSE(field.meaning.empty());
      EXPECT_EQ(&moondream_field(route, field.name), &field);
    }
    EXPECT_TRUE(names.contains("image_url"));
  }
}

TEST(MoondreamFields, EveryBoundIsEnforced) {
  int bounds = 0;
  for_each_row([&](MoondreamRoute route, const RequestField& field) {
    if (field.use == FieldUse::kRefused || !field.bounded()) return;
    ++bounds;
    for (const double inside : {field.min, field.max})
      EXPECT_TRUE(parse(route, field, value_of(field, inside)).ok()) << field.name << inside;
    if (field.type != FieldType::kString || field.min > 0)
      expect_refused(route, field, value_of(field, field.min - 1));
    expect_refused(route, field, value_of(field, field.max + 1));
  });
  EXPECT_EQ(bounds, 23);
}

TEST(MoondreamFields, EveryTypeAndEveryWordIsChecked) {
  for_each_row([](MoondreamRoute route, const RequestField& field) {
    if (field.use == FieldUse::kRefused) return;
    expect_refused(route, field, "[]");
    EXPECT_EQ(parse(route, field, "null").ok(),
              field.key() != "image_url" && field.key() != "question" && field.key() != "object")
        << field.name;
    for (const std::string_view word : field.one_of)
      EXPECT_TRUE(parse(route, field, fmt::format("\"{}\"", word)).ok()) << word;
    if (!field.one_of.empty()) expect_refused(route, field, R"("else")");
  });
}

TEST(MoondreamFields, WhatIsNotDoneIsRefusedByName) {
  for_each_row([](MoondreamRoute route, const RequestField& field) {
    if (field.use != FieldUse::kRefused) return;
    const auto result = parse(route, field, R"("x")");
    ASSERT_FALSE(result.ok()) << field.name;
    EXPECT_EQ(result.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(result.error().param, field.name);
    EXPECT_TRUE(parse(route, field, "null").ok()) << field.name;
    if (field.key() == "reasoning" || field.key() == "stream")
      EXPECT_TRUE(parse(route, field, "false").ok()) << field.name;
    if (field.key() == "spatial_refs") EXPECT_TRUE(parse(route, field, "[]").ok()) << field.name;
  });
}

TEST(MoondreamFields, WhatChangesNothingIsTold) {
  for_each_row([](MoondreamRoute route, const RequestField& field) {
    if (field.use != FieldUse::kNoEffect) return;
    for (const char* wrong : {R"("x")", "true", "{}", "1e30"}) expect_refused(route, field, wrong);
    const auto result = parse(route, field, "1");
    ASSERT_TRUE(result.ok()) << field.name;
    EXPECT_EQ(result->without_effect, std::vector<std::string>{std::string(field.name)});
  });
}

TEST(MoondreamFields, TheDocumentSaysTheSame) {
  std::ifstream file(OC_SOURCE_DIR "/docs/api.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string document = text.str();
  ASSERT_FALSE(document.empty());
  for_each_row([&](MoondreamRoute, const RequestField& field) {
    const std::string row = fmt::format("| `{}` | {} | {} | {} |\n", field.name, type_words(field),
                                        bound_words(field), field.meaning);
    if (field.use == FieldUse::kKept)
      EXPECT_NE(document.find(row), std::string::npos) << "docs/api.md has no row " << row;
    else
      EXPECT_NE(document.find(fmt::format("`{}`", field.name)), std::string::npos) << field.name;
  });
}

}  // namespace
}  // namespace oc
