// The grammar library behind runtime/grammar/grammar.h. Only built where cmake/xgrammar.cmake finds
// it.
#include <fmt/format.h>
#include <xgrammar/xgrammar.h>

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/check.h"
#include "runtime/grammar/grammar.h"

namespace xgrammar {

// What the library says (XGRAMMAR_LOG_CUSTOMIZE). A warning is about a part of the schema that it
// ignores; the thread that compiles looks at it.
namespace {
thread_local std::string last_warning;
}
[[noreturn]] void LogFatalImpl(const std::string& file, int line, const std::string& message);
void LogMessageImpl(const std::string& file, int line, int level, const std::string& message);

void LogFatalImpl(const std::string&, int, const std::string& message) {
  throw std::runtime_error(message);
}
void LogMessageImpl(const std::string&, int, int level, const std::string& message) {
  constexpr int kWarning = 2;
  if (level == kWarning) last_warning = message;
}

}  // namespace xgrammar

namespace oc {
namespace {

// Enough to indent by; without a bound a weak model writes white space until its tokens are used
// up.
constexpr int kMaxSpace = 12;

class Matcher final : public GrammarMatcher {
 public:
  Matcher(xgrammar::GrammarMatcher matcher, std::size_t words)
      : matcher_(std::move(matcher)), mask_(words) {}

  std::span<const std::uint32_t> allowed() override {
    std::ranges::fill(mask_, ~std::uint32_t{0});  // where all may come it writes nothing
    auto words = static_cast<std::int64_t>(mask_.size());
    DLTensor tensor{.data = mask_.data(),
                    .device = {kDLCPU, 0},
                    .ndim = 1,
                    .dtype = {kDLInt, 32, 1},
                    .shape = &words,
                    .strides = nullptr,
                    .byte_offset = 0};
    matcher_.FillNextTokenBitmask(&tensor);
    return mask_;
  }
  void accept(TokenId id) override {
    OC_CHECK(matcher_.AcceptToken(id), "token {} was allowed and is not accepted", id);
  }
  bool complete() const override { return matcher_.IsCompleted(); }
  std::unique_ptr<GrammarMatcher> fork() const override {
    return std::make_unique<Matcher>(matcher_.Fork(), mask_.size());
  }

 private:
  xgrammar::GrammarMatcher matcher_;
  std::vector<std::uint32_t> mask_;
};

class Compiled final : public Grammar {
 public:
  Compiled(xgrammar::CompiledGrammar grammar, std::size_t words)
      : grammar_(std::move(grammar)), words_(words) {}

  std::unique_ptr<GrammarMatcher> start() const override {
    return std::make_unique<Matcher>(xgrammar::GrammarMatcher(grammar_), words_);
  }
  std::size_t bytes() const override { return grammar_.MemorySizeBytes(); }

 private:
  xgrammar::CompiledGrammar grammar_;
  std::size_t words_;
};

// Nothing that is no text, and nothing with a control character: JSON's strings may not hold one,
// which the library forgets where a string's length is bounded. Between tokens a newline may stand.
std::string text_of(const Tokenizer& tokenizer, TokenId id) {
  if (tokenizer.is_special(id) || !tokenizer.token(id)) return "";
  std::string bytes = tokenizer.bytes_of(id);
  const bool control =
      std::ranges::any_of(bytes, [](char c) { return c >= 0 && c < 0x20 && c != '\n'; });
  return control ? "" : bytes;
}

xgrammar::TokenizerInfo describe(const GrammarVocabulary& vocabulary) {
  std::vector<std::string> texts;
  for (TokenId id = 0; id < vocabulary.size; ++id)
    texts.push_back(text_of(*vocabulary.tokenizer, id));
  return xgrammar::TokenizerInfo(texts, xgrammar::VocabType::RAW, static_cast<int>(vocabulary.size),
                                 vocabulary.stop_ids);
}

class Compiler final : public GrammarCompiler {
 public:
  explicit Compiler(const GrammarVocabulary& vocabulary)
      : dropped_(vocabulary.tokenizer->dropped_at_start()),
        compiler_(describe(vocabulary), /*max_threads=*/1, /*cache_enabled=*/false),
        words_(static_cast<std::size_t>(vocabulary.size + 31) / 32) {}

  Result<std::shared_ptr<const Grammar>> compile(const std::string& schema) override {
    xgrammar::last_warning.clear();
    try {
      auto grammar = xgrammar::Grammar::FromJSONSchema(
          schema.empty() ? R"({"type":"object"})" : schema, /*any_whitespace=*/true, std::nullopt,
          std::nullopt, /*strict_mode=*/false, kMaxSpace);
      if (!dropped_.empty()) {  // an answer's first token may bring it, its text does not
        const auto dropped = xgrammar::Grammar::FromEBNF(fmt::format("root ::= \"{}\"?", dropped_));
        grammar = xgrammar::Grammar::Concat({dropped, grammar});
      }
      auto compiled = compiler_.CompileGrammar(grammar);
      if (!xgrammar::last_warning.empty()) return refused(xgrammar::last_warning);
      return std::shared_ptr<const Grammar>(
          std::make_shared<Compiled>(std::move(compiled), words_));
    } catch (const std::exception& failure) {
      return refused(failure.what());
    }
  }

 private:
  static Error refused(std::string_view why) {
    return {ErrorCode::kUnsupported,
            fmt::format("\"response_format\": the schema cannot be enforced: {}", why),
            "simplify it", "response_format"};
  }

  std::string dropped_;  // Tokenizer::dropped_at_start()
  xgrammar::GrammarCompiler compiler_;
  std::size_t words_;
};

}  // namespace

bool has_grammar_library() { return true; }

Result<std::unique_ptr<GrammarCompiler>> make_grammar_compiler(
    const GrammarVocabulary& vocabulary) {
  return std::unique_ptr<GrammarCompiler>(std::make_unique<Compiler>(vocabulary));
}

}  // namespace oc
