#include "text/registry.h"

#include <gtest/gtest.h>

#include "tests/text/fixtures.h"

namespace oc {
namespace {

namespace json = boost::json;

TEST(TokenizerRegistry, FilesThatCannotBeRead) {
  const auto missing = load_tokenizer_json(test::kTinyFolder / "nowhere" / "tokenizer.json");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find("nowhere/tokenizer.json"), std::string::npos);
  EXPECT_FALSE(load_tokenizer_json(test::kTinyFolder).ok());  // a folder
}

// By the decoder: spaces are marks in one kind and letters in the other.
TEST(TokenizerRegistry, PicksTheKind) {
  const auto sentencepiece = test::load(test::kTinyFolder / "tiny.json");
  EXPECT_EQ(sentencepiece->dropped_at_start(), " ");
  for (const char* file : {"digits.json", "runs.json"}) {
    const auto byte_level = test::load(test::kTinyFolder / "bytelevel" / file);
    EXPECT_EQ(byte_level->dropped_at_start(), "") << file;
    EXPECT_TRUE(byte_level->id_of("Ġ")) << file;
  }
}

// Each kind refuses what it cannot follow, by the field.
TEST(TokenizerRegistry, TheKindSaysWhatItCannotFollow) {
  json::object d = json::parse(test::read_text(test::kTinyFolder / "tiny.json")).as_object();
  d["decoder"] = {{"type", "ByteLevel"}};
  const auto parsed = parse_tokenizer_json(json::serialize(d), "tokenizer.json");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().code, ErrorCode::kUnsupported);
  EXPECT_TRUE(parsed.error().message.starts_with("tokenizer.json: \"normalizer\" is "))
      << parsed.error().message;
  EXPECT_TRUE(parsed.error().hint.starts_with("only byte-level BPE "));
}

// Whatever stands where the kind is read from.
TEST(TokenizerRegistry, ADecoderOfNoKindIsAnError) {
  const std::string tiny = test::read_text(test::kTinyFolder / "tiny.json");
  for (const json::value& decoder :
       {json::value(nullptr), json::value(3), json::value("Sequence"), json::value(json::object()),
        json::value{{"type", 7}}, json::value{{"type", "WordPiece"}}}) {
    json::object d = json::parse(tiny).as_object();
    d["decoder"] = decoder;
    const auto parsed = parse_tokenizer_json(json::serialize(d), "t.json");
    ASSERT_FALSE(parsed.ok()) << decoder;
    EXPECT_NE(parsed.error().message.find("\"decoder"), std::string::npos)
        << parsed.error().message;
  }
}

}  // namespace
}  // namespace oc
