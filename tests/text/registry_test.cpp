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

// The kind is not there: the file is refused, with the first part that cannot be followed.
TEST(TokenizerRegistry, ByteLevelFilesAreRefused) {
  json::object d = json::parse(test::read_text(test::kTinyFolder / "tiny.json")).as_object();
  d["normalizer"] = nullptr;
  d["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  d["post_processor"] = nullptr;
  d["decoder"] = {{"type", "ByteLevel"}};
  const auto parsed = parse_tokenizer_json(json::serialize(d), "tokenizer.json");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(parsed.error().message,
            "tokenizer.json: \"normalizer\" is \"null\"; supported is a Sequence of "
            R"({"type":"Prepend","prepend":"▁"}, )"
            R"({"type":"Replace","pattern":{"String":" "},"content":"▁"})");
  EXPECT_EQ(parsed.error().hint, "only Llama-style byte-fallback BPE tokenizers are supported");
}

TEST(TokenizerRegistry, TheOtherFamiliesFilesAreRefused) {
  for (const char* family : {"smolvlm2", "moondream2"}) {
    const auto file =
        test::kGolden / ".." / "families" / family / "golden" / "tokenizer" / "tokenizer.json";
    if (!std::filesystem::exists(file)) GTEST_SKIP() << "no golden data here";
    const auto loaded = load_tokenizer_json(file);
    ASSERT_FALSE(loaded.ok()) << family;
    EXPECT_EQ(loaded.error().code, ErrorCode::kUnsupported) << family;
    EXPECT_NE(loaded.error().message.find("\"normalizer\" is"), std::string::npos) << family;
  }
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
