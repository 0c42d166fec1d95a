#include "io/json.h"

#include <boost/json/parse.hpp>

#include "io/counted_memory.h"
#include "tests/io/fixtures.h"

namespace oc {
namespace {

using test::error_of;
using test::has;

class JsonFileTest : public test::FolderTest {};

TEST_F(JsonFileTest, ReadsAFile) {
  const std::string bytes("a\0\r\n\xff", 5);
  test::write_bytes(folder_ / "file", bytes);
  EXPECT_EQ(read_file(folder_ / "file", 5).value(), bytes) << "exactly at the limit";
  test::write_bytes(folder_ / "empty", "");
  EXPECT_EQ(read_file(folder_ / "empty", 0).value(), "");
}

TEST_F(JsonFileTest, FilesThatCannotBeReadAreNamed) {
  const Error missing = error_of(read_file(folder_ / "none.json", 10));
  EXPECT_EQ(missing.code, ErrorCode::kNotFound);
  EXPECT_TRUE(has(missing.message, "none.json")) << missing.message;
  const Error folder = error_of(read_file(folder_, 10));
  EXPECT_EQ(folder.code, ErrorCode::kNotFound);
  EXPECT_TRUE(has(folder.message, folder_.string())) << folder.message;
  test::write_bytes(folder_ / "big.json", "123456");
  const Error big = error_of(read_file(folder_ / "big.json", 5));
  EXPECT_EQ(big.code, ErrorCode::kTooLarge);
  EXPECT_TRUE(has(big.message, "big.json has 6 bytes, more than 5")) << big.message;
}

TEST_F(JsonFileTest, ReadsAnObject) {
  test::write_bytes(folder_ / "config.json", " {\"a\": [1, 2]}\n");
  const auto object = read_json_object(folder_ / "config.json");
  ASSERT_TRUE(object.ok()) << object.error().describe();
  EXPECT_EQ(object->at("a").as_array().size(), 2u);
}

TEST_F(JsonFileTest, OtherDocumentsAreRefusedByName) {
  for (const char* text :
       {"", "[1]", "null", "\"text\"", "{", "{\"a\": 1}{}", "{\"a\": \"\xff\"}"}) {
    test::write_bytes(folder_ / "config.json", text);
    const Error error = error_of(read_json_object(folder_ / "config.json"));
    EXPECT_EQ(error.code, ErrorCode::kCorrupt) << text;
    EXPECT_TRUE(error.message.starts_with("config.json: ")) << error.message;
  }
  test::write_bytes(folder_ / "config.json", "{\"a\": 12345}");
  EXPECT_EQ(error_of(read_json_object(folder_ / "config.json", 5)).code, ErrorCode::kTooLarge);
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(ParseJson, EveryKindOfValueAsTheLibraryReadsIt) {
  for (const std::string text :
       {R"({"a":[1,-2,18446744073709551615,1.5e-7,true,false,null,"x",{},[],[[1],{"b":"c"}]]})",
        R"(["\u00e9\ud83d\ude00\n\"\\","ü","","long enough not to be kept in the value itself"])",
        R"({"a":1,"b":2,"a":{"c":3}})", R"("alone")", "12", " null ", "[1 , 2]\n"}) {
    const auto ours = parse_json(text, "a");
    ASSERT_TRUE(ours.ok()) << text << ours.error().describe();
    EXPECT_EQ(*ours, boost::json::parse(text)) << text;
  }
}

TEST(ParseJson, ManyMembersAndTextsWithEscapes) {
  std::string text = "{\"z\":0";
  for (int i = 0; i < 5000; ++i) text += ",\"key " + std::to_string(i) + "\":" + std::to_string(i);
  text += ",\"long\":\"" + repeat("ab\\n\\u00e9", 100'000) + "\"}";
  const auto value = parse_json(text, "a");
  ASSERT_TRUE(value.ok()) << value.error().describe();
  EXPECT_EQ(*value, boost::json::parse(text));
}

TEST(ParseJson, TooManyValuesAreRefusedByNumber) {
  EXPECT_TRUE(parse_json("[1,2,[3]]", "body", JsonLimits{.values = 5}, nullptr).ok());
  for (const char* text : {"[1,2,[3],4]", "[[[[[[]]]]]]", R"({"a":1,"b":2,"c":3,"d":4,"e":"5"})"}) {
    const Error error = error_of(parse_json(text, "body", JsonLimits{.values = 5}, nullptr));
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.message, "body: more than 5 JSON values");
  }
}

// Bodies that cost many times their size when nobody counts. Refused, they cost less than they are.
TEST(ParseJson, WhatIsRefusedTakesLittle) {
  constexpr std::size_t kTimes = 1 << 20, kValues = 1000;
  const struct {
    std::string head, repeated, tail;
  } bodies[] = {{"[1", ",1", "]"},
                {"[1", ",[[[[[[[[]]]]]]]]", "]"},
                {"[1", ",{}", "]"},
                {R"({"a":1)", R"(,"b":1)", "}"},
                {"[1", R"(,"text that is kept outside")", "]"}};
  for (const auto& body : bodies) {
    const std::string text = body.head + repeat(body.repeated, kTimes) + body.tail;
    auto budget = std::make_shared<MemoryBudget>(std::size_t{1} << 30);
    Reservation share(budget);
    {
      CountedMemory memory(share);
      const auto value = parse_json(text, "body", JsonLimits{.values = kValues}, &memory);
      EXPECT_EQ(error_of(value).code, ErrorCode::kInvalidArgument) << body.repeated;
    }
    EXPECT_LT(share.peak(), 512u << 10) << body.repeated;
    EXPECT_EQ(budget->used(), 0u) << body.repeated;
  }
}

TEST(ParseJson, ALongTextIsHeldOnceWhileItIsPutTogether) {
  const std::size_t bytes = 8u << 20;
  for (const std::string unit : {"a", "ab\\n", "\\\\", "\\u0041"}) {
    const std::string text = "[\"" + repeat(unit, bytes / unit.size()) + "\"]";
    auto budget = std::make_shared<MemoryBudget>(std::size_t{1} << 30);
    Reservation share(budget);
    {
      CountedMemory memory(share);
      const auto value = parse_json(text, "body", JsonLimits{}, &memory);
      ASSERT_TRUE(value.ok());
      EXPECT_GE(budget->used(), value->at(0).get_string().size());
    }
    EXPECT_LE(share.peak(), text.size() * 3 / 2 + (2u << 20)) << unit;
    EXPECT_EQ(budget->used(), 0u);
  }
}

TEST(ParseJson, ABudgetThatIsSpentIsToldFromOneThatIsTooSmall) {
  const std::string text = "[\"" + std::string(1u << 20, 'x') + "\"]";
  auto budget = std::make_shared<MemoryBudget>(2u << 20);
  Reservation share(budget), others(budget);
  const auto read = [&](Reservation& from) {
    CountedMemory memory(from);
    const auto value = parse_json(text, "body", JsonLimits{}, &memory);
    return value.ok() ? Error{} : value.error();
  };
  EXPECT_EQ(read(share).message, "");
  ASSERT_TRUE(others.grow_to(3u << 19));
  const Error later = read(share);
  EXPECT_EQ(later.code, ErrorCode::kMemoryFull);
  EXPECT_TRUE(has(later.hint, "--max-memory-mb")) << later.hint;
  EXPECT_EQ(budget->used(), 3u << 19) << "nothing stays taken";
  auto small = std::make_shared<MemoryBudget>(1u << 19);
  Reservation of_small(small);
  const Error never = read(of_small);
  EXPECT_EQ(never.code, ErrorCode::kTooLarge);
  EXPECT_TRUE(has(never.message, "524288 bytes")) << never.message;
  EXPECT_TRUE(has(never.hint, "--max-memory-mb")) << never.hint;
}

TEST(ParseJson, SaysWhatIsWrongAndWhere) {
  const struct {
    std::string text, wrong;
  } cases[] = {{"", "at byte 0: it ends too early"},
               {"{\"a\": 1", "at byte 7: it ends too early"},
               {"{\"a\": 1} x", ": something follows the value"},
               {"{\"a\": 1}}", "at byte 8: something follows the value"},
               {"{'a': 1}", "at byte 1: syntax error"},
               {"{\"a\": 01}", ": syntax error"},
               {"{\"a\": 1,}", ": syntax error"},
               {"{\"a\": NaN}", ": syntax error"},
               {"[1] // no", ": something follows the value"},
               {"\"\n\"", ": syntax error"},
               {"\"\xc3(\"", ": syntax error"},
               {"\"\\ud800\"", "one half of a character, as where a text was cut within an emoji"},
               {"\"\\udc00\"", "one half of a character, as where a text was cut within an emoji"},
               {"\"\\ud83d\\u0041\"", "as where a text was cut within an emoji"}};
  for (const auto& c : cases) {
    const Error error = error_of(parse_json(c.text, "tokenizer.json"));
    EXPECT_EQ(error.code, ErrorCode::kCorrupt) << c.text;
    EXPECT_TRUE(error.message.starts_with("tokenizer.json: not valid JSON ")) << error.message;
    EXPECT_TRUE(error.message.ends_with(c.wrong)) << error.message;
  }
}

TEST(ParseJson, DepthIsLimited) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(32), "a").ok());
  EXPECT_TRUE(has(error_of(parse_json(nested(33), "a")).message, "nested deeper than 32"));
  EXPECT_TRUE(parse_json(nested(3), "a", 3).ok());
  EXPECT_TRUE(has(error_of(parse_json(nested(4), "a", 3)).message, "nested deeper than 3"));
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  EXPECT_TRUE(has(error_of(parse_json(objects, "a")).message, "nested deeper than 32"));
}

}  // namespace
}  // namespace oc
