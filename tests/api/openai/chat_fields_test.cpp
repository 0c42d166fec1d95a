// Each row of the table holds: the parser keeps to its type and bounds, errors name them, and
// docs/api.md says the same.
#include "api/openai/chat_fields.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include <fstream>
#include <set>
#include <sstream>

#include "api/openai/chat_request.h"
#include "api/openai/image_fields.h"

namespace oc {
namespace {

constexpr std::string_view kMessage = R"({"role":"user","content":"Hello"})";

std::string times(std::size_t count, std::string_view what) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "" : ",") + std::string(what);
  return out;
}

// The knobs of pictures included.
std::vector<RequestField> all_fields() {
  std::vector<RequestField> rows = knob_fields();
  rows.insert(rows.begin(), kChatFields.begin(), kChatFields.end());
  return rows;
}

// The body of a request whose field of this row has the value.
std::string body(const RequestField& field, const std::string& value) {
  const std::string_view name = field.name;
  if (name == "messages") return fmt::format(R"({{"messages":{}}})", value);
  const std::string_view top = name.substr(0, name.find_first_of(".["));
  std::string inner = value;
  if (name.ends_with("[]"))
    inner = "[" + value + "]";
  else if (name.ends_with(".*"))
    inner = R"({"5":)" + value + "}";
  else if (top != name)
    inner = fmt::format(R"({{"{}":{}}})", field.key(), value);
  // What the field needs beside it.
  std::string_view more;
  if (name == "top_logprobs") more = R"("logprobs":true,)";
  if (name == "policy") more = R"("stream_key":"door",)";
  if (name.starts_with("stream_options.")) more = R"("stream":true,)";
  return fmt::format(R"({{"messages":[{}],{}"{}":{}}})", kMessage, more, top, inner);
}

Result<ChatRequest> parse(const RequestField& field, const std::string& value) {
  return parse_chat_request(body(field, value), {});
}

// A value of so many bytes, or entries; or this very number.
std::string value_of(const RequestField& field, double size) {
  const auto count = static_cast<std::size_t>(std::max(size, 0.0));
  switch (field.type) {
    case FieldType::kInteger:
      return fmt::format("{:.0f}", size);
    case FieldType::kNumber:
      return fmt::format("{:.17g}", size);
    case FieldType::kString:
      return '"' + std::string(count, 'x') + '"';
    case FieldType::kObject: {
      std::string out;
      for (std::size_t i = 0; i < count; ++i)
        out += fmt::format("{}\"{}\":1", i == 0 ? "" : ",", i);
      return "{" + out + "}";
    }
    default:
      return "[" + times(count, field.name == "messages" ? kMessage : R"("x")") + "]";
  }
}

bool is_number(const RequestField& field) {
  return field.type == FieldType::kInteger || field.type == FieldType::kNumber;
}

// A little above or below a bound; the last bits of a number are the JSON reader's.
double next(const RequestField& field, double bound, double direction) {
  return bound + direction * (field.type == FieldType::kNumber ? 1e-9 : 1);
}

// The parser's answer names the field, and the bound that counts.
void expect_refused(const RequestField& field, const std::string& value, std::string_view bound) {
  const auto result = parse(field, value);
  ASSERT_FALSE(result.ok()) << field.name << " " << value.substr(0, 40);
  const Error& error = result.error();
  const std::string_view top = field.name.substr(0, field.name.find_first_of(".["));
  EXPECT_TRUE(error.param.starts_with(top)) << field.name << " " << error.param;
  EXPECT_TRUE(error.describe().find(bound) != std::string::npos)
      << field.name << ": " << error.describe() << " does not say " << bound;
}

void expect_taken(const RequestField& field, const std::string& value) {
  const auto result = parse(field, value);
  EXPECT_TRUE(result.ok()) << field.name << " " << value.substr(0, 40) << ": "
                           << result.error().describe();
}

template <class Check>
void for_each_kept(Check check) {
  for (const RequestField& field : all_fields())
    if (field.use == FieldUse::kKept) check(field);
}

TEST(ChatFields, EveryNameStandsOnceAndMeansSomething) {
  std::set<std::string_view> names;
  for (const RequestField& field : all_fields()) {
    EXPECT_TRUE(names.insert(field.name).second) << field.name;
    EXPECT_FALSE(field.meaning.empty()) << field.name;
    EXPECT_LE(field.min, field.max) << field.name;
  }
  EXPECT_EQ(chat_field("stream_options.include_usage").key(), "include_usage");
}

TEST(ChatFields, EveryBoundIsEnforced) {
  int bounds = 0;
  for_each_kept([&](const RequestField& field) {
    if (!field.bounded()) return;
    ++bounds;
    expect_taken(field, value_of(field, field.min));
    if (field.below_max)
      expect_taken(field, value_of(field, next(field, field.max, -1)));
    else
      expect_taken(field, value_of(field, field.max));
    // What is outside, with what must be said of it.
    const std::string words = expected(field);
    const std::string max = fmt::format("{:.0f}", field.max);
    if (is_number(field) || field.min > 0)
      expect_refused(field, value_of(field, next(field, field.min, -1)),
                     field.name == "messages" ? "is empty" : words);
    if (field.below_max) expect_refused(field, value_of(field, field.max), "below " + max);
    expect_refused(field, value_of(field, next(field, field.max, 1)),
                   is_number(field) ? words : max);
  });
  EXPECT_GE(bounds, 20);
}

TEST(ChatFields, SixtyFourBitsAreTaken) {
  for_each_kept([](const RequestField& field) {
    if (field.type != FieldType::kInteger64) return;
    for (const char* value : {"-9223372036854775808", "0", "18446744073709551615"})
      expect_taken(field, value);
    for (const char* value : {"-9223372036854775809", "18446744073709551616", "0.5"})
      expect_refused(field, value, expected(field));
  });
}

TEST(ChatFields, EveryListOfWordsIsAllThereIs) {
  for_each_kept([](const RequestField& field) {
    for (const std::string_view word : field.one_of)
      expect_taken(field, fmt::format("\"{}\"", word));
    if (!field.one_of.empty()) expect_refused(field, R"("else")", expected(field));
  });
}

TEST(ChatFields, EveryTypeIsChecked) {
  for_each_kept([](const RequestField& field) {
    if (field.type == FieldType::kAny) return;
    const std::string other = field.type == FieldType::kObject ? "5" : "{}";
    const auto result = parse(field, other);
    ASSERT_FALSE(result.ok()) << field.name;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument) << field.name;
    EXPECT_TRUE(result.error().message.find(" must be ") != std::string::npos)
        << result.error().message;
  });
}

TEST(ChatFields, TheDocumentSaysTheSame) {
  std::ifstream file(OC_SOURCE_DIR "/docs/api.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string document = text.str();
  ASSERT_FALSE(document.empty());
  for (const RequestField& field : all_fields()) {
    const std::string row = fmt::format("\n| `{}` | {} | {} | {} |\n", field.name,
                                        type_words(field), bound_words(field), field.meaning);
    if (field.use == FieldUse::kKept)
      EXPECT_TRUE(document.find(row) != std::string::npos) << "docs/api.md has no row" << row;
    if (field.use == FieldUse::kNoEffect)
      EXPECT_TRUE(document.find(fmt::format("`{}`", field.key())) != std::string::npos)
          << "docs/api.md does not name " << field.name;
  }
}

}  // namespace
}  // namespace oc
