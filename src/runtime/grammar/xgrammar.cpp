// The grammar library behind runtime/grammar/grammar.h. Only built where cmake/xgrammar.cmake finds
// it.
#include <fmt/format.h>
#include <xgrammar/xgrammar.h>

#include <algorithm>
#include <memory>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/check.h"
#include "runtime/grammar/bounded_strings.h"
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

// What may come behind half a character. The library's classes of characters hold surrogates
// (ED A0 …) and what lies beyond U+10FFFF (F4 90 …), which are no UTF-8.
class HalfCharacters {
 public:
  explicit HalfCharacters(const std::vector<std::string>& texts)
      : last_(texts.size()), behind_ed_((texts.size() + 31) / 32), behind_f4_(behind_ed_.size()) {
    for (std::size_t id = 0; id < texts.size(); ++id) {
      if (texts[id].empty()) continue;
      last_[id] = static_cast<unsigned char>(texts[id].back());
      const auto first = static_cast<unsigned char>(texts[id].front());
      const bool continues = first >= 0x80 && first < 0xC0;
      const std::uint32_t bit = std::uint32_t{1} << (id % 32);
      if (continues && first < 0xA0) behind_ed_[id / 32] |= bit;
      if (continues && first < 0x90) behind_f4_[id / 32] |= bit;
    }
  }

  unsigned char last(TokenId id) const { return last_[static_cast<std::size_t>(id)]; }
  // Leaves what may stand behind a token that ends so.
  void limit(unsigned char last, std::span<std::uint32_t> mask) const {
    if (last != 0xED && last != 0xF4) return;
    const auto& may = last == 0xED ? behind_ed_ : behind_f4_;
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] &= may[i];
  }

 private:
  std::vector<unsigned char> last_;  // bytes
  std::vector<std::uint32_t> behind_ed_, behind_f4_;
};
using HalfCharactersPtr = std::shared_ptr<const HalfCharacters>;

class Matcher final : public GrammarMatcher {
 public:
  Matcher(xgrammar::GrammarMatcher matcher, HalfCharactersPtr half, std::size_t words,
          unsigned char last = 0)
      : matcher_(std::move(matcher)), half_(std::move(half)), mask_(words), last_(last) {}

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
    half_->limit(last_, mask_);
    return mask_;
  }
  void accept(TokenId id) override {
    OC_CHECK(matcher_.AcceptToken(id), "token {} was allowed and is not accepted", id);
    last_ = half_->last(id);
  }
  bool complete() const override { return matcher_.IsCompleted(); }
  std::unique_ptr<GrammarMatcher> fork() const override {
    return std::make_unique<Matcher>(matcher_.Fork(), half_, mask_.size(), last_);
  }

 private:
  xgrammar::GrammarMatcher matcher_;
  HalfCharactersPtr half_;
  std::vector<std::uint32_t> mask_;
  unsigned char last_;  // byte of what was accepted
};

class Compiled final : public Grammar {
 public:
  Compiled(xgrammar::CompiledGrammar grammar, HalfCharactersPtr half, std::size_t words)
      : grammar_(std::move(grammar)), half_(std::move(half)), words_(words) {}

  std::unique_ptr<GrammarMatcher> start() const override {
    return std::make_unique<Matcher>(xgrammar::GrammarMatcher(grammar_), half_, words_);
  }
  std::size_t bytes() const override { return grammar_.MemorySizeBytes(); }

 private:
  xgrammar::CompiledGrammar grammar_;
  HalfCharactersPtr half_;
  std::size_t words_;
};

// Nothing that is no text, nothing with a byte that UTF-8 has not, and nothing with a control
// character: JSON's strings may not hold one, which the library forgets where a string's length is
// bounded, and nothing else here has any.
std::string text_of(const Tokenizer& tokenizer, TokenId id) {
  if (tokenizer.is_special(id) || !tokenizer.token(id)) return "";
  std::string bytes = tokenizer.bytes_of(id);
  const bool never = std::ranges::any_of(bytes, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0xC0 || byte == 0xC1 || byte > 0xF4;
  });
  return never ? "" : bytes;
}

std::vector<std::string> texts_of(const GrammarVocabulary& vocabulary) {
  std::vector<std::string> texts;
  for (TokenId id = 0; id < vocabulary.size; ++id)
    texts.push_back(text_of(*vocabulary.tokenizer, id));
  return texts;
}

xgrammar::TokenizerInfo describe(const GrammarVocabulary& vocabulary,
                                 const std::vector<std::string>& texts) {
  return xgrammar::TokenizerInfo(texts, xgrammar::VocabType::RAW, static_cast<int>(vocabulary.size),
                                 vocabulary.stop_ids);
}

class Compiler final : public GrammarCompiler {
 public:
  explicit Compiler(const GrammarVocabulary& vocabulary)
      : Compiler(vocabulary, texts_of(vocabulary)) {}
  Compiler(const GrammarVocabulary& vocabulary, const std::vector<std::string>& texts)
      : dropped_(vocabulary.tokenizer->dropped_at_start()),
        half_(std::make_shared<HalfCharacters>(texts)),
        compiler_(describe(vocabulary, texts), /*max_threads=*/1, /*cache_enabled=*/false),
        words_(static_cast<std::size_t>(vocabulary.size + 31) / 32) {}

  Result<std::shared_ptr<const Grammar>> compile(const std::string& schema) override {
    xgrammar::last_warning.clear();
    try {
      auto grammar = read(schema.empty() ? R"({"type":"object"})" : schema);
      if (!dropped_.empty()) {  // an answer's first token may bring it, its text does not
        const auto dropped = xgrammar::Grammar::FromEBNF(fmt::format("root ::= \"{}\"?", dropped_));
        grammar = xgrammar::Grammar::Concat({dropped, grammar});
      }
      auto compiled = compiler_.CompileGrammar(grammar);
      if (!xgrammar::last_warning.empty()) return refused(xgrammar::last_warning);
      return std::shared_ptr<const Grammar>(
          std::make_shared<Compiled>(std::move(compiled), half_, words_));
    } catch (const std::exception& failure) {
      return refused(failure.what());
    }
  }

 private:
  static xgrammar::Grammar read(const std::string& schema) {
    // One way to write each value, as Python's json does: a weak model that is free to write
    // white space uses up its tokens on it.
    const auto as_schema = [](const std::string& text) {
      return xgrammar::Grammar::FromJSONSchema(
          text, /*any_whitespace=*/false, /*indent=*/std::nullopt,
          std::pair<std::string, std::string>(", ", ": "), /*strict_mode=*/false);
    };
    const BoundedStrings strings(schema);
    if (!strings.any()) return as_schema(strings.schema());
    return xgrammar::Grammar::FromEBNF(strings.rules(as_schema(strings.schema()).ToString()));
  }

  static Error refused(std::string_view why) {
    return {ErrorCode::kUnsupported,
            fmt::format("\"response_format\": the schema cannot be enforced: {}", why),
            "simplify it", "response_format"};
  }

  std::string dropped_;  // Tokenizer::dropped_at_start()
  HalfCharactersPtr half_;
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
