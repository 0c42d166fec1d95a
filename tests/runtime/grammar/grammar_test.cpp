#include "runtime/grammar/grammar.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/json/parse.hpp>
#include <filesystem>
#include <limits>
#include <optional>
#include <random>
#include <thread>

#include "runtime/decode/sampler.h"
#include "runtime/grammar/json_schema.h"
#include "runtime/serving/generate.h"
#include "tests/runtime/fake_model.h"
#include "tests/runtime/grammar/schema_validator.h"
#include "text/registry.h"

namespace oc {
namespace {

using fake::FakeModel;

const std::vector<std::string> kSchemas = {
    R"({"enum":["circle","größe \"x\" 日本",3,-0.5,null,{"a":[true]}]})",
    R"({"type":"object","properties":{"shape":{"enum":["circle","square"]},
        "size":{"type":"object","properties":{"w":{"type":"integer","minimum":0,"maximum":300},
        "h":{"type":"number","exclusiveMinimum":0,"maximum":1.5}},"required":["w","h"],
        "additionalProperties":false}},"required":["shape","size"],"additionalProperties":false})",
    R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":4})",
    R"({"type":"array","prefixItems":[{"type":"boolean"},{"type":"string","maxLength":5}],
        "items":{"type":"null"},"minItems":3})",
    R"({"type":"string","minLength":3,"maxLength":7})",
    R"({"type":"string","pattern":"^[A-Z]{2,3}-(\\d+|[^a-z])$"})",
    R"({"type":"string","pattern":"^[x-z]*x.{2}$"})",
    R"({"type":"string","pattern":"^(?:a|b[-c]?)+\\.$"})",
    R"({"type":"string","pattern":""})",
    R"({"type":"string","format":"date-time"})",
    R"({"type":"integer","exclusiveMinimum":-12,"exclusiveMaximum":-3})",
    R"({"type":"integer","multipleOf":7})",
    R"({"type":"number","minimum":-12.3456,"maximum":98.5})",
    R"({"type":"number","minimum":1e-7,"exclusiveMaximum":0.00001})",
    R"({"type":["integer","null","string"],"minimum":5,"maxLength":2})",
    R"({"anyOf":[{"type":"boolean"},{"const":"both"}]})",
    R"({"type":"object","additionalProperties":{"type":"integer"}})",
    R"({"properties":{"a":{},"b":{"type":"boolean"}},"required":["c"]})",
    R"({"properties":{"v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#"},
        "maxItems":2}},"required":["v"],"additionalProperties":false})",
    R"({"$ref":"#/$defs/node","$defs":{"node":{"anyOf":[{"type":"null"},{"type":"object",
        "properties":{"next":{"$ref":"#/$defs/node"}},"required":["next"]}]}}})",
    R"({"type":"object"})",
    "{}"};

GrammarVocabulary vocabulary_of(const std::filesystem::path& file, const char* end,
                                std::int64_t size) {
  auto tokenizer = load_tokenizer_json(file).value();
  const std::int64_t rows = std::max<std::int64_t>(size, tokenizer->vocab_size());
  return {tokenizer, rows, {tokenizer->id_of(end).value()}};
}

// One answer with random logits. From `hurry` tokens on, what ends a string or a list is likely.
std::optional<std::string> draw(const Grammar& grammar, const GrammarVocabulary& vocabulary,
                                std::uint64_t seed, int hurry, int max_tokens) {
  const auto matcher = grammar.start();
  Sampler sampler({.temperature = 1, .seed = seed},
                  ids_without_token(*vocabulary.tokenizer, vocabulary.size));
  std::mt19937_64 random(seed);
  std::vector<float> logits(static_cast<std::size_t>(vocabulary.size));
  std::vector<TokenId> ids;
  while (static_cast<int>(ids.size()) < max_tokens) {
    for (float& logit : logits) logit = static_cast<float>(random() >> 54) / 64;  // below 16
    if (static_cast<int>(ids.size()) >= hurry)
      for (const char* end : {"\"", "}", "]", "<0x22>", "<0x7D>", "<0x5D>"})
        if (const auto id = vocabulary.tokenizer->id_of(end))
          logits[static_cast<std::size_t>(*id)] += 25;
    const TokenId id = sampler.sample(logits, {}, 0, matcher->allowed()).value();
    if (id == vocabulary.stop_ids[0]) {
      EXPECT_TRUE(matcher->complete());
      return vocabulary.tokenizer->decode(ids, true);
    }
    matcher->accept(id);
    ids.push_back(id);
  }
  return std::nullopt;  // too long: as with max_tokens
}

void check_all(const GrammarVocabulary& vocabulary, int seeds, int max_tokens) {
  const auto compiler = make_grammar_compiler(vocabulary).value();
  for (const std::string& text : kSchemas) {
    const boost::json::value schema = boost::json::parse(text);
    const auto enforceable = enforceable_schema(schema, "schema");
    ASSERT_TRUE(enforceable.ok()) << text << enforceable.error().describe();
    const auto grammar = compiler->compile(enforceable->text);
    ASSERT_TRUE(grammar.ok()) << text << grammar.error().describe();
    int ended = 0;
    for (int seed = 0; seed < seeds; ++seed) {
      const auto answer =
          draw(**grammar, vocabulary, static_cast<std::uint64_t>(seed), seed % 3 * 10, max_tokens);
      if (!answer) continue;
      ++ended;
      boost::system::error_code error;
      const boost::json::value value = boost::json::parse(*answer, error);
      // JSON, but beyond what Boost reads: random logits write exponents of many digits.
      if (error == boost::json::error::exponent_overflow) continue;
      ASSERT_FALSE(error) << text << "\n" << *answer;
      ASSERT_TRUE(test::SchemaValidator(schema).allows(value)) << text << "\n" << *answer;
    }
    EXPECT_GT(ended, seeds / 4) << text;
  }
}

class GrammarTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_grammar_library()) GTEST_SKIP() << "built without the grammar library";
  }
};

TEST(GrammarWithoutLibrary, SaysWhatToDo) {
  if (has_grammar_library()) GTEST_SKIP() << "built with the grammar library";
  GrammarCache cache({fake::tiny_tokenizer(), fake::kVocab, {fake::kEnd}});
  const auto grammar = cache.get("", "");
  ASSERT_FALSE(grammar.ok());
  EXPECT_EQ(grammar.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(grammar.error().param, "response_format");
  EXPECT_NE(grammar.error().hint.find("make grammar"), std::string::npos);
}

TEST_F(GrammarTest, EveryAnswerValidatesWithATinyVocabulary) {
  check_all({fake::tiny_tokenizer(), fake::kVocab, {fake::kEnd}}, 60, 300);
}

TEST_F(GrammarTest, EveryAnswerValidatesWithTheDemosVocabulary) {
  check_all(vocabulary_of(OC_SOURCE_DIR "/models/demo/tokenizer.json", "<|end|>", 0), 60, 300);
}

TEST_F(GrammarTest, EveryAnswerValidatesWithPhisVocabulary) {
  const std::filesystem::path file = OC_SOURCE_DIR "/../shared/golden/tokenizer/tokenizer.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no golden data here";
  check_all(vocabulary_of(file, "<|end|>", 32064), 9, 100);
}

TEST_F(GrammarTest, TheCacheKeepsWhatIsUsedForItsOwner) {
  GrammarCache cache({fake::tiny_tokenizer(), fake::kVocab, {fake::kEnd}});
  const auto first = cache.get("a", "").value();
  EXPECT_EQ(cache.get("a", "").value(), first);
  EXPECT_NE(cache.get("b", "").value(), first);
  EXPECT_EQ(cache.entries(), 2);
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(cache.get("a", fmt::format(R"({{"enum":[{}]}})", i)).ok());
  EXPECT_EQ(cache.entries(), 64);
  EXPECT_LE(cache.bytes(), 64u << 20);
}

TEST_F(GrammarTest, TheCacheIsBoundedInBytes) {
  const GrammarVocabulary vocabulary{fake::tiny_tokenizer(), fake::kVocab, {fake::kEnd}};
  GrammarCache measured(vocabulary);
  ASSERT_TRUE(measured.get("", R"({"enum":[10]})").ok());
  const std::size_t max_bytes = 3 * measured.bytes();
  GrammarCache cache(vocabulary, max_bytes), none(vocabulary, 0);
  for (int i = 10; i < 30; ++i) {
    const std::string schema = fmt::format(R"({{"enum":[{}]}})", i);
    ASSERT_TRUE(cache.get("", schema).ok());
    EXPECT_LE(cache.bytes(), max_bytes);
    EXPECT_TRUE(none.get("", schema).ok());
  }
  EXPECT_GE(cache.entries(), 2);
  EXPECT_EQ(none.entries(), 0);
}

TEST_F(GrammarTest, TheCacheServesManyThreads) {
  GrammarCache cache({fake::tiny_tokenizer(), fake::kVocab, {fake::kEnd}});
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const auto grammar = cache.get("", fmt::format(R"({{"enum":[{}]}})", (t + i) % 10));
        if (!grammar.ok() || (*grammar)->start()->complete()) ++failed;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(cache.entries(), 10);
}

TEST_F(GrammarTest, ThePartThatTheLibraryWouldIgnoreIsAnError) {
  GrammarCache cache({fake::tiny_tokenizer(), fake::kVocab, {fake::kEnd}});
  // enforceable_schema() refuses these before.
  for (const char* schema : {R"({"allOf":[{"type":"null"},{"type":"string"}]})",
                             R"({"type":"string","pattern":"(?=a)b"})", "{"}) {
    const auto grammar = cache.get("", schema);
    ASSERT_FALSE(grammar.ok()) << schema;
    EXPECT_EQ(grammar.error().code, ErrorCode::kUnsupported);
  }
  EXPECT_EQ(cache.entries(), 0);
}

// Logits that depend on the last tokens only, so that every run of one seed sees the same.
std::vector<float> noise(std::span<const TokenId> ids) {
  std::uint64_t seed = ids.size();
  for (const TokenId id : ids.last(std::min<std::size_t>(ids.size(), 4)))
    seed = seed * 1000003 + static_cast<std::uint64_t>(id);
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> logits(fake::kVocab);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

GenerateRequest json_question(std::string schema) {
  GenerateRequest request;
  request.id = "test";
  request.messages = {{Role::kUser, {TextPart{"hello"}}}};
  request.json_schema = std::move(schema);
  request.max_tokens = 200;
  return request;
}

TEST_F(GrammarTest, GenerateKeepsToTheSchema) {
  const FakeModel model(noise);
  GenerateRequest request =
      json_question(R"({"type":"array","items":{"enum":["a","b"]},"minItems":2,"maxItems":3})");
  request.sampling = {.temperature = 1, .seed = 5};
  request.n = 3;
  request.logprobs = true;
  const auto result = generate(model, request, {});
  ASSERT_TRUE(result.ok()) << result.error().describe();
  std::vector<std::string> texts = {result->text};
  for (const Answer& answer : result->more) texts.push_back(answer.text);
  ASSERT_EQ(texts.size(), 3);
  for (const std::string& text : texts) {
    const boost::json::value value = boost::json::parse(text);
    EXPECT_GE(value.as_array().size(), 2) << text;
    EXPECT_LE(value.as_array().size(), 3) << text;
  }
  for (const TokenLogprobs& token : result->logprobs) EXPECT_LT(token.logprob, 0);
  EXPECT_EQ(result->finish_reason, FinishReason::kStop);
}

TEST_F(GrammarTest, GuessedTokensChangeNothing) {
  const FakeModel model(noise);
  GenerateRequest request = json_question(
      R"({"type":"array","items":{"enum":["abcabc","abcabd"]},"minItems":8,"maxItems":8})");
  const auto plain = generate(model, request, {});
  request.draft_tokens = 6;
  const auto drafted = generate(model, request, {});
  ASSERT_TRUE(plain.ok() && drafted.ok());
  EXPECT_EQ(plain->text, drafted->text);
  EXPECT_EQ(plain->ids, drafted->ids);
  EXPECT_GT(drafted->accepted_tokens, 0);
}

TEST_F(GrammarTest, AnAnswerThatIsCutSaysSo) {
  const FakeModel model(noise);
  GenerateRequest request = json_question(R"({"enum":["a rather long value"]})");
  request.max_tokens = 5;
  const auto result = generate(model, request, {});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->finish_reason, FinishReason::kLength);
  EXPECT_TRUE(std::string(R"("a rather long value")").starts_with(result->text));
}

// The first token's space is no part of the text.
TEST_F(GrammarTest, TheAnswerMayBeginWithASpace) {
  GrammarCache cache({fake::tiny_tokenizer(), fake::kVocab, {fake::kEnd}});
  const auto matcher = cache.get("", "").value()->start();
  const TokenId space = fake::tiny_tokenizer()->id_of("<0x20>").value();
  const auto may = [&](TokenId id) {
    return (matcher->allowed()[static_cast<std::size_t>(id) / 32] >> (id % 32) & 1) != 0;
  };
  ASSERT_TRUE(may(space));
  EXPECT_FALSE(may(fake::kEnd));
  const auto fork = matcher->fork();
  matcher->accept(space);
  EXPECT_FALSE(may(space));
  matcher->accept(fake::tiny_tokenizer()->id_of("<0x7B>").value());
  matcher->accept(fake::tiny_tokenizer()->id_of("<0x7D>").value());
  EXPECT_TRUE(matcher->complete());
  EXPECT_TRUE(may(fake::kEnd));
  EXPECT_FALSE(fork->complete());
}

}  // namespace
}  // namespace oc
