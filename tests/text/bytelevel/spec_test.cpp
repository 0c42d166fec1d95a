// Documents that this kind cannot follow, or that contradict themselves: the error names the field.
// What is the same in every kind: tokenizer_json_test.cpp.
#include "text/bytelevel/spec.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/text/fixtures.h"

namespace oc {
namespace {

namespace json = boost::json;

json::object document(const char* name) {
  return json::parse(test::read_text(test::kTinyFolder / "bytelevel" / name)).as_object();
}
json::object& model(json::object& d) { return d["model"].as_object(); }
json::object& vocab(json::object& d) { return model(d)["vocab"].as_object(); }
json::object& step(json::object& d, std::size_t i) {
  return d["pre_tokenizer"].as_object()["pretokenizers"].as_array().at(i).as_object();
}
json::object& added(json::object& d, std::size_t i) {
  return d["added_tokens"].as_array().at(i).as_object();
}

struct Malformed {
  const char* name;
  std::function<void(json::object&)> spoil;
  ErrorCode code;
  const char* message;  // a part of it
};

constexpr auto kCorrupt = ErrorCode::kCorrupt;
constexpr auto kUnsupported = ErrorCode::kUnsupported;

// Of digits.json.
std::vector<Malformed> malformed() {
  return {
      {"version", [](auto& d) { d["version"] = "2.0"; }, kUnsupported, R"("version" is)"},
      {"normalizer",
       [](auto& d) {
         d["normalizer"] = {{"type", "NFC"}};
       },
       kUnsupported, R"("normalizer" is "{"type":"NFC"}", which is not supported)"},
      {"post-processor",
       [](auto& d) {
         d["post_processor"] = {{"type", "TemplateProcessing"}};
       },
       kUnsupported,
       R"("post_processor" is "{"type":"TemplateProcessing"}"; supported is none, or ByteLevel)"},
      {"post-processor a string", [](auto& d) { d["post_processor"] = "ByteLevel"; }, kCorrupt,
       R"("post_processor" must be an object, found "ByteLevel")"},

      {"no pre-tokenizer", [](auto& d) { d.erase("pre_tokenizer"); }, kCorrupt,
       R"("pre_tokenizer" is missing)"},
      {"null pre-tokenizer", [](auto& d) { d["pre_tokenizer"] = nullptr; }, kUnsupported,
       R"("pre_tokenizer" is "null"; supported is ByteLevel, or a Sequence of Digits and ByteLevel)"},
      {"pre-tokenizer without a type", [](auto& d) { d["pre_tokenizer"] = json::object(); },
       kCorrupt, R"("pre_tokenizer.type" is missing)"},
      {"another pre-tokenizer",
       [](auto& d) {
         d["pre_tokenizer"] = {{"type", "Metaspace"}};
       },
       kUnsupported, R"("pre_tokenizer" is "{"type":"Metaspace"}"; supported is)"},
      {"no steps", [](auto& d) { d["pre_tokenizer"].as_object()["pretokenizers"] = json::array(); },
       kUnsupported, R"("pre_tokenizer" is)"},
      {"steps missing", [](auto& d) { d["pre_tokenizer"].as_object().erase("pretokenizers"); },
       kCorrupt, R"("pre_tokenizer.pretokenizers" is missing)"},
      {"three steps",
       [](auto& d) {
         d["pre_tokenizer"].as_object()["pretokenizers"].as_array().push_back(json::object());
       },
       kUnsupported, R"("pre_tokenizer" is)"},
      {"Split",
       [](auto& d) {
         step(d, 0) = {{"type", "Split"}, {"pattern", {{"Regex", "\\p{N}{1,3}"}}}};
       },
       kUnsupported, R"("pre_tokenizer.pretokenizers[0]" is "{"type":"Split")"},
      {"digits together", [](auto& d) { step(d, 0)["individual_digits"] = false; }, kUnsupported,
       R"(supported is "individual_digits": true)"},
      {"digits last", [](auto& d) { std::swap(step(d, 0), step(d, 1)); }, kUnsupported,
       R"("pre_tokenizer.pretokenizers[0]" is)"},
      {"digits twice", [](auto& d) { step(d, 1) = step(d, 0); }, kUnsupported,
       R"("pre_tokenizer.pretokenizers[1]" is)"},
      {"a prefix space", [](auto& d) { step(d, 1)["add_prefix_space"] = true; }, kUnsupported,
       R"("pre_tokenizer.pretokenizers[1]" is)"},
      {"prefix space unknown", [](auto& d) { step(d, 1).erase("add_prefix_space"); }, kCorrupt,
       R"("pre_tokenizer.pretokenizers[1].add_prefix_space" is missing)"},
      {"no pattern", [](auto& d) { step(d, 1)["use_regex"] = false; }, kUnsupported,
       R"(supported is "use_regex": true)"},

      {"model type", [](auto& d) { model(d)["type"] = "WordPiece"; }, kUnsupported,
       R"("model.type" is ""WordPiece""; supported is "BPE")"},
      {"dropout", [](auto& d) { model(d)["dropout"] = 0.1; }, kUnsupported,
       R"("model.dropout" is)"},
      {"prefix", [](auto& d) { model(d)["continuing_subword_prefix"] = "##"; }, kUnsupported,
       R"("model.continuing_subword_prefix" is)"},
      {"suffix", [](auto& d) { model(d)["end_of_word_suffix"] = "</w>"; }, kUnsupported,
       R"("model.end_of_word_suffix" is)"},
      {"byte fallback", [](auto& d) { model(d)["byte_fallback"] = true; }, kUnsupported,
       R"("model.byte_fallback" is)"},
      {"ignore_merges", [](auto& d) { model(d)["ignore_merges"] = true; }, kUnsupported,
       R"("model.ignore_merges" is)"},
      {"unknown bytes", [](auto& d) { model(d)["unk_token"] = "<|endoftext|>"; }, kUnsupported,
       R"("model.vocab" has no token "Ą" (byte 0x04), for which "unk_token" would stand)"},
      {"a merge without its token", [](auto& d) { vocab(d).erase("Ġt"); }, kCorrupt,
       R"("model.merges[2]" needs "Ġt", which is not in the vocabulary)"},
      {"a merge that makes a control token",
       [](auto& d) {
         model(d)["merges"].as_array().push_back({"<|", "end|>"});
         vocab(d)["<|"] = 1000;
         vocab(d)["end|>"] = 1001;
       },
       kUnsupported, R"(makes "<|end|>", an added token, out of ordinary text)"},
      {"a byte as added token",
       [](auto& d) {
         added(d, 3)["content"] = "Ġ";
         added(d, 3)["id"] = vocab(d)["Ġ"];
       },
       kUnsupported, R"("added_tokens[3]" is "Ġ": the token of a byte cannot be an added token)"},
      {"single_word", [](auto& d) { added(d, 3)["single_word"] = true; }, kUnsupported,
       R"("added_tokens[3]" has "single_word": true)"},
  };
}

TEST(ByteLevelSpec, MalformedDocumentsNameTheField) {
  for (const Malformed& row : malformed()) {
    json::object d = document("digits.json");
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

TEST(ByteLevelSpec, TooManyMerges) {
  json::object d = document("digits.json");
  std::string merges = "[";
  for (int i = 0; i <= 1 << 21; ++i) merges += i == 0 ? "0" : ",0";
  model(d)["merges"] = "here";
  std::string text = json::serialize(d);
  text.replace(text.find("\"here\""), 6, merges + "]");
  const auto parsed = parse_tokenizer_json(text, "t.json");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().code, kUnsupported);
  EXPECT_EQ(parsed.error().message,
            R"(t.json: "model.merges" has 2097153 merges; supported are up to 2097152)");
}

TEST(ByteLevelSpec, TruncatedAnywhere) {
  const std::string good = test::read_text(test::kTinyFolder / "bytelevel" / "runs.json");
  const std::size_t end = good.find_last_of('}');
  for (std::size_t size = 0; size <= end; size += 7)
    ASSERT_FALSE(parse_tokenizer_json(std::string_view(good).substr(0, size), "t").ok()) << size;
}

// Older files leave out what had one value then.
TEST(ByteLevelSpec, WhatMayBeLeftOut) {
  json::object d = document("runs.json");
  for (const char* key : {"version", "truncation", "padding", "normalizer", "post_processor"})
    d.erase(key);
  for (const char* key : {"type", "dropout", "unk_token", "continuing_subword_prefix",
                          "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"})
    model(d).erase(key);
  d["pre_tokenizer"].as_object().erase("use_regex");
  const auto parsed = parse_tokenizer_json(json::serialize(d), "t.json");
  ASSERT_TRUE(parsed.ok()) << parsed.error().describe();
  const auto whole = test::load(test::kTinyFolder / "bytelevel" / "runs.json");
  for (const std::string_view text : {"The picture  shows", "it's 1234", "\t\t\tfor"})
    EXPECT_EQ((*parsed)->encode(text, true), whole->encode(text, true)) << text;
}

TEST(ByteLevelSpec, AnUnknownTokenThatNothingBecomes) {
  json::object d = document("runs.json");  // has all bytes
  model(d)["unk_token"] = "<|endoftext|>";
  EXPECT_TRUE(parse_tokenizer_json(json::serialize(d), "t.json").ok());
}

TEST(ByteLevelSpec, ASequenceOfOneIsThatOne) {
  json::object d = document("runs.json");
  const json::value step = d["pre_tokenizer"];
  d["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", json::array{step}}};
  const auto parsed = parse_tokenizer_json(json::serialize(d), "t.json");
  ASSERT_TRUE(parsed.ok()) << parsed.error().describe();
  EXPECT_EQ(
      (*parsed)->encode("a 1234", true).size(),
      test::load(test::kTinyFolder / "bytelevel" / "runs.json")->encode("a 1234", true).size());
}

}  // namespace
}  // namespace oc
