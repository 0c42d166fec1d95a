#include "text/tokenizer_json.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/text/fixtures.h"

namespace oc {
namespace {

namespace json = boost::json;

json::object document() {
  return json::parse(test::read_text(test::kTinyFolder / "tiny.json")).as_object();
}
json::object& model(json::object& d) { return d["model"].as_object(); }
json::object& vocab(json::object& d) { return model(d)["vocab"].as_object(); }
json::array& merges(json::object& d) { return model(d)["merges"].as_array(); }
json::object& added(json::object& d, std::size_t i) {
  return d["added_tokens"].as_array().at(i).as_object();
}
json::array& steps(json::object& d, const char* part, const char* list) {
  return d[part].as_object()[list].as_array();
}
json::object& processor(json::object& d) { return d["post_processor"].as_object(); }

struct Malformed {
  const char* name;
  std::function<void(json::object&)> spoil;
  ErrorCode code;
  const char* message;  // a part of it
};

constexpr auto kCorrupt = ErrorCode::kCorrupt;
constexpr auto kUnsupported = ErrorCode::kUnsupported;

std::vector<Malformed> malformed() {
  return {
      {"version", [](auto& d) { d["version"] = "2.0"; }, kUnsupported, R"("version" is)"},
      {"no normalizer key", [](auto& d) { d.erase("normalizer"); }, kCorrupt,
       R"("normalizer" is missing)"},
      {"null normalizer", [](auto& d) { d["normalizer"] = nullptr; }, kUnsupported,
       R"("normalizer" is)"},
      {"normalizer type",
       [](auto& d) {
         d["normalizer"] = {{"type", "NFC"}};
       },
       kUnsupported, "NFC"},
      {"normalizer a string", [](auto& d) { d["normalizer"] = "NFC"; }, kCorrupt,
       R"("normalizer" must be an object, found "NFC")"},
      {"normalizer step",
       [](auto& d) {
         steps(d, "normalizer", "normalizers")[0] = {{"type", "Lowercase"}};
       },
       kUnsupported, R"("normalizer.normalizers[0]" is)"},
      {"a step more",
       [](auto& d) {
         steps(d, "normalizer", "normalizers").push_back(json::object{{"type", "NFKC"}});
       },
       kUnsupported, R"("normalizer.normalizers[2]" is)"},
      {"a step less", [](auto& d) { steps(d, "normalizer", "normalizers").pop_back(); },
       kUnsupported, R"("normalizer.normalizers" is)"},
      {"pre-tokenizer",
       [](auto& d) {
         d["pre_tokenizer"] = {{"type", "ByteLevel"}};
       },
       kUnsupported, R"("pre_tokenizer" is)"},
      {"decoder step", [](auto& d) { steps(d, "decoder", "decoders")[3].as_object()["start"] = 2; },
       kUnsupported, R"("decoder.decoders[3]" is)"},
      {"decoder list", [](auto& d) { d["decoder"].as_object()["decoders"] = 3; }, kCorrupt,
       R"("decoder.decoders" must be an array, found 3)"},
      {"post-processor type", [](auto& d) { processor(d)["type"] = "BertProcessing"; },
       kUnsupported, R"("post_processor" is)"},
      {"null post-processor", [](auto& d) { d["post_processor"] = nullptr; }, kUnsupported,
       R"("post_processor" is)"},
      {"template without BOS",
       [](auto& d) {
         steps(d, "post_processor", "single").erase(processor(d)["single"].as_array().begin());
       },
       kUnsupported, R"("post_processor.single" is)"},
      {"template piece", [](auto& d) { steps(d, "post_processor", "single")[0] = 7; }, kCorrupt,
       R"("post_processor.single[0]" must be an object, found 7)"},
      {"unknown BOS", [](auto& d) { processor(d)["special_tokens"] = json::object(); }, kCorrupt,
       R"("post_processor.special_tokens.<s>" is missing)"},
      {"two BOS ids",
       [](auto& d) {
         processor(d)["special_tokens"].as_object()["<s>"].as_object()["ids"] = {1, 2};
       },
       kCorrupt, R"("post_processor.special_tokens.<s>.ids" must be an array of one id)"},
      {"wrong BOS id",
       [](auto& d) {
         processor(d)["special_tokens"].as_object()["<s>"].as_object()["ids"] = json::parse("[2]");
       },
       kCorrupt,
       R"("post_processor.special_tokens.<s>.ids[0]" is 2, which is not the id of "<s>")"},

      {"no model", [](auto& d) { d.erase("model"); }, kCorrupt, R"("model" is missing)"},
      {"model type", [](auto& d) { model(d)["type"] = "Unigram"; }, kUnsupported,
       R"("model.type" is "Unigram"; supported is "BPE")"},
      {"model type number", [](auto& d) { model(d)["type"] = 1; }, kCorrupt,
       R"("model.type" must be a string, found 1)"},
      {"dropout", [](auto& d) { model(d)["dropout"] = 0.1; }, kUnsupported,
       R"("model.dropout" is)"},
      {"prefix", [](auto& d) { model(d)["continuing_subword_prefix"] = "##"; }, kUnsupported,
       R"("model.continuing_subword_prefix" is)"},
      {"suffix", [](auto& d) { model(d)["end_of_word_suffix"] = "</w>"; }, kUnsupported,
       R"("model.end_of_word_suffix" is)"},
      {"ignore_merges", [](auto& d) { model(d)["ignore_merges"] = true; }, kUnsupported,
       R"("model.ignore_merges" is)"},
      {"no byte fallback", [](auto& d) { model(d)["byte_fallback"] = false; }, kUnsupported,
       R"("model.byte_fallback" is false)"},
      {"byte fallback a number", [](auto& d) { model(d)["byte_fallback"] = 1; }, kCorrupt,
       R"("model.byte_fallback" must be true or false, found 1)"},

      {"no vocabulary", [](auto& d) { model(d).erase("vocab"); }, kCorrupt,
       R"("model.vocab" is missing)"},
      {"vocabulary a list", [](auto& d) { model(d)["vocab"] = json::array(); }, kCorrupt,
       R"("model.vocab" must be an object, found an array of 0)"},
      {"empty vocabulary", [](auto& d) { model(d)["vocab"] = json::object(); }, kUnsupported,
       R"("model.vocab" has no token "<0x00>")"},
      {"a byte missing", [](auto& d) { vocab(d).erase("<0x7F>"); }, kUnsupported,
       R"("model.vocab" has no token "<0x7F>")"},
      {"id 2^31", [](auto& d) { vocab(d)["hello"] = std::int64_t{1} << 31; }, kCorrupt,
       R"("model.vocab.hello" must be an integer from 0 to 1048575, found 2147483648)"},
      {"id 2^63", [](auto& d) { vocab(d)["hello"] = std::uint64_t{1} << 63; }, kCorrupt,
       R"("model.vocab.hello" must be an integer)"},
      {"negative id", [](auto& d) { vocab(d)["hello"] = -1; }, kCorrupt,
       R"("model.vocab.hello" must be an integer from 0 to 1048575, found -1)"},
      {"id a fraction", [](auto& d) { vocab(d)["hello"] = 5.5; }, kCorrupt,
       R"("model.vocab.hello" must be an integer)"},
      {"id a string", [](auto& d) { vocab(d)["hello"] = "5"; }, kCorrupt,
       R"("model.vocab.hello" must be an integer from 0 to 1048575, found "5")"},
      {"one id twice", [](auto& d) { vocab(d)["zzz"] = 260; }, kCorrupt,
       R"("model.vocab.zzz" has id 260, which "e" has already)"},
      {"control characters in a name", [](auto& d) { vocab(d)["\n\x1B[2J"] = -1; }, kCorrupt,
       R"("model.vocab.\x0A\x1B[2J" must be)"},

      {"no merges", [](auto& d) { model(d).erase("merges"); }, kCorrupt,
       R"("model.merges" is missing)"},
      {"merges an object", [](auto& d) { model(d)["merges"] = json::object(); }, kCorrupt,
       R"("model.merges" must be an array)"},
      {"merge of one", [](auto& d) { merges(d)[12] = "hello"; }, kCorrupt,
       R"("model.merges[12]" must be two tokens, as "a b" or ["a", "b"], found "hello")"},
      {"merge of three", [](auto& d) { merges(d)[12] = "a b c"; }, kCorrupt,
       R"("model.merges[12]" must be two tokens)"},
      {"merge with nothing", [](auto& d) { merges(d)[12] = " a"; }, kCorrupt,
       R"("model.merges[12]" must be two tokens)"},
      {"merge list of three",
       [](auto& d) {
         merges(d)[12] = {"a", "b", "c"};
       },
       kCorrupt, R"("model.merges[12]" must be two tokens)"},
      {"merge list of numbers",
       [](auto& d) {
         merges(d)[12] = {1, 2};
       },
       kCorrupt, R"("model.merges[12]" must be two tokens)"},
      {"merge a number", [](auto& d) { merges(d)[12] = 5; }, kCorrupt,
       R"("model.merges[12]" must be two tokens, as "a b" or ["a", "b"], found 5)"},
      {"unknown left", [](auto& d) { merges(d)[12] = "q a"; }, kCorrupt,
       R"("model.merges[12]" needs "q", which is not in the vocabulary)"},
      {"unknown right", [](auto& d) { merges(d)[12] = "a q"; }, kCorrupt,
       R"("model.merges[12]" needs "q", which is not in the vocabulary)"},
      {"unknown result", [](auto& d) { merges(d)[12] = "a d"; }, kCorrupt,
       R"("model.merges[12]" needs "ad", which is not in the vocabulary)"},
      {"a merge makes a control token", [](auto& d) { merges(d)[12] = "<s >"; }, kUnsupported,
       R"("model.merges[12]" makes "<s>", an added token, out of ordinary text)"},

      {"no added tokens", [](auto& d) { d.erase("added_tokens"); }, kCorrupt,
       R"("added_tokens" is missing)"},
      {"added tokens an object", [](auto& d) { d["added_tokens"] = json::object(); }, kCorrupt,
       R"("added_tokens" must be an array)"},
      {"added token a string", [](auto& d) { d["added_tokens"].as_array()[1] = "<s>"; }, kCorrupt,
       R"("added_tokens[1]" must be an object, found "<s>")"},
      {"added id missing", [](auto& d) { added(d, 3).erase("id"); }, kCorrupt,
       R"("added_tokens[3].id" is missing)"},
      {"added id huge", [](auto& d) { added(d, 3)["id"] = 1 << 30; }, kCorrupt,
       R"("added_tokens[3].id" must be an integer from 0 to 1048575, found 1073741824)"},
      {"added id taken", [](auto& d) { added(d, 3)["id"] = 260; }, kCorrupt,
       R"("added_tokens[3]" has id 260, which "e" has already)"},
      {"added id not the vocabulary's", [](auto& d) { added(d, 1)["id"] = 999; }, kCorrupt,
       R"("added_tokens[1]" gives "<s>" the id 999, the vocabulary 1)"},
      {"added twice", [](auto& d) { added(d, 4)["content"] = "<|end|>"; }, kCorrupt,
       R"("added_tokens[4]" repeats "<|end|>")"},
      {"added content missing", [](auto& d) { added(d, 3).erase("content"); }, kCorrupt,
       R"("added_tokens[3].content" is missing)"},
      {"added content empty", [](auto& d) { added(d, 3)["content"] = ""; }, kUnsupported,
       R"("added_tokens[3].content" has 0 bytes)"},
      {"added content long", [](auto& d) { added(d, 3)["content"] = std::string(257, 'x'); },
       kUnsupported, R"("added_tokens[3].content" has 257 bytes)"},
      {"flag missing", [](auto& d) { added(d, 3).erase("rstrip"); }, kCorrupt,
       R"("added_tokens[3].rstrip" is missing)"},
      {"flag null", [](auto& d) { added(d, 3)["special"] = nullptr; }, kCorrupt,
       R"("added_tokens[3].special" must be true or false, found null)"},
      {"single_word", [](auto& d) { added(d, 3)["single_word"] = true; }, kUnsupported,
       R"("added_tokens[3]" has "single_word": true)"},
      {"normalized", [](auto& d) { added(d, 3)["normalized"] = true; }, kUnsupported,
       R"("added_tokens[3]" has "normalized": true)"},
      {"a character as added token", [](auto& d) { added(d, 3)["content"] = "🦙"; }, kUnsupported,
       R"("added_tokens[3]" is "🦙": a single character or byte cannot be an added token)"},
      {"a byte as added token",
       [](auto& d) {
         added(d, 3)["content"] = "<0x0A>";
         added(d, 3)["id"] = 13;
       },
       kUnsupported, R"("added_tokens[3]" is "<0x0A>": a single character or byte)"},
  };
}

TEST(TokenizerJson, MalformedDocumentsNameTheField) {
  for (const Malformed& row : malformed()) {
    json::object d = document();
    row.spoil(d);
    const auto parsed = parse_tokenizer_json(json::serialize(d), "tokenizer.json");
    ASSERT_FALSE(parsed.ok()) << row.name;
    const Error& error = parsed.error();
    EXPECT_EQ(error.code, row.code) << row.name << ": " << error.message;
    EXPECT_TRUE(error.message.starts_with("tokenizer.json: \"")) << error.message;
    EXPECT_NE(error.message.find(row.message), std::string::npos)
        << row.name << "\n  found:    " << error.message << "\n  expected: " << row.message;
  }
}

TEST(TokenizerJson, NotADocument) {
  const std::string good = test::read_text(test::kTinyFolder / "tiny.json");
  for (const std::string& text :
       {std::string(), std::string("{"), good.substr(0, good.size() / 2), good + "x",
        std::string("\xEF\xBB\xBF") + good, std::string(100'000, '['),
        std::string(R"({"version": "\uD800"})"), std::string("{\"\xFF\": 1}")}) {
    const auto parsed = parse_tokenizer_json(text, "some/tokenizer.json");
    ASSERT_FALSE(parsed.ok()) << text.substr(0, 40);
    EXPECT_EQ(parsed.error().code, ErrorCode::kCorrupt);
    EXPECT_TRUE(parsed.error().message.starts_with("some/tokenizer.json: not valid JSON at byte "))
        << parsed.error().message;
  }
  for (const char* text : {"null", "[]", "3", "\"x\""}) {
    const auto parsed = parse_tokenizer_json(text, "t.json");
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_TRUE(parsed.error().message.starts_with("t.json: must be an object"))
        << parsed.error().message;
  }
  EXPECT_FALSE(parse_tokenizer_json("{}", "t.json").ok());
  EXPECT_TRUE(parse_tokenizer_json(good + " \r\n\t", "t.json").ok());
}

// Every prefix ends in an error, none in a crash.
TEST(TokenizerJson, TruncatedAnywhere) {
  const std::string good = test::read_text(test::kTinyFolder / "tiny.json");
  const std::size_t end = good.find_last_of('}');
  for (std::size_t size = 0; size <= end; size += 7) {
    ASSERT_FALSE(parse_tokenizer_json(std::string_view(good).substr(0, size), "t").ok()) << size;
  }
}

TEST(TokenizerJson, MergesAsListsMeanTheSame) {
  json::object d = document();
  const auto strings = *parse_tokenizer_json(json::serialize(d), "strings");
  for (json::value& merge : merges(d)) {
    const std::string text = json::value_to<std::string>(merge);
    const std::size_t space = text.find(' ');
    merge = {text.substr(0, space), text.substr(space + 1)};
  }
  const auto lists = *parse_tokenizer_json(json::serialize(d), "lists");
  for (const auto& line : test::read_lines(test::kTinyFolder / "cases.jsonl")) {
    if (!line.contains("plain_ids")) continue;
    const std::string text = test::text_of(line.at("text"));
    EXPECT_EQ(lists->encode(text, true), strings->encode(text, true)) << text;
  }
}

TEST(TokenizerJson, OptionalKeysMayBeAbsent) {
  json::object d = document();
  for (const char* key : {"version", "truncation", "padding", "pre_tokenizer"}) d.erase(key);
  for (const char* key : {"dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                          "fuse_unk", "ignore_merges"}) {
    model(d).erase(key);
  }
  const auto parsed = parse_tokenizer_json(json::serialize(d), "t.json");
  ASSERT_TRUE(parsed.ok()) << parsed.error().describe();
  EXPECT_EQ((*parsed)->encode("hello", false), test::tiny()->encode("hello", false));
}

TEST(TokenizerJson, IdsMayLeaveGaps) {
  json::object d = document();
  added(d, 3)["id"] = 5000;
  const auto parsed = parse_tokenizer_json(json::serialize(d), "t.json");
  ASSERT_TRUE(parsed.ok()) << parsed.error().describe();
  EXPECT_EQ((*parsed)->vocab_size(), 5001);
  EXPECT_EQ((*parsed)->encode("<|end|>", true), std::vector<TokenId>{5000});
  EXPECT_EQ((*parsed)->token(306), std::nullopt);
  EXPECT_EQ((*parsed)->decode(std::vector<TokenId>{306, 5000}, false), "<|end|>");
}

}  // namespace
}  // namespace oc
