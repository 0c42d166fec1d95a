// Regular expressions of a JSON schema: the part that the grammar library takes as a JSON string's
// content. What is beyond it the library would ignore (lookahead), or write unescaped (", \).
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "runtime/grammar/json_schema.h"

#include "base/ascii.h"

namespace oc {
namespace {

constexpr std::string_view kSpecial = "^$.|()[]{}*+?\\\"";
constexpr std::string_view kEscapable = "^$.|()[]{}*+?-/";
constexpr std::int64_t kHuge = 1'000'000;
constexpr int kMaxDepth = 16;

class PatternParser {
 public:
  explicit PatternParser(std::string_view text) : text_(text) {}

  Result<PatternCost> parse() {
    if (text_.starts_with('^')) ++at_;
    OC_ASSIGN_OR_RETURN(const PatternCost size, alternatives(0));
    if (at_ < text_.size()) return wrong("an unmatched \")\"");
    return size;
  }

 private:
  Error wrong(std::string_view what) const {
    return {ErrorCode::kUnsupported, fmt::format("{} at byte {}", what, at_ + 1)};
  }
  bool more() const { return at_ < text_.size() && !at_end_anchor(); }
  bool at_end_anchor() const { return at_ + 1 == text_.size() && text_[at_] == '$'; }
  bool take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  static PatternCost sum(const PatternCost& a, const PatternCost& b) {
    return {std::min(a.places + b.places, kHuge), std::min(a.variables + b.variables, kHuge)};
  }

  Result<PatternCost> alternatives(int depth) {
    if (depth > kMaxDepth) return wrong("too many groups within each other");
    PatternCost cost;
    bool several = false;
    do {
      while (more() && text_[at_] != '|' && text_[at_] != ')') {
        OC_ASSIGN_OR_RETURN(const PatternCost one, item(depth));
        cost = sum(cost, one);
      }
      several = several || (at_ < text_.size() && text_[at_] == '|');
    } while (take("|"));
    if (depth == 0 && at_end_anchor()) ++at_;
    return several ? sum(cost, {0, 1}) : cost;
  }

  Result<PatternCost> item(int depth) {
    OC_ASSIGN_OR_RETURN(const PatternCost one, atom(depth));
    OC_ASSIGN_OR_RETURN(const Times times, quantifier());
    const PatternCost all = {std::min(one.places * times.max_copies, kHuge),
                             std::min(one.variables * times.max_copies, kHuge)};
    return times.variable ? sum(all, {0, 1}) : all;
  }

  Result<PatternCost> atom(int depth) {
    const PatternCost character{1, 0};
    if (take("(")) {
      if (!take("?:") && text_.substr(at_).starts_with('?')) return wrong("a lookaround or name");
      OC_ASSIGN_OR_RETURN(const PatternCost cost, alternatives(depth + 1));
      if (!take(")")) return wrong("a \"(\" without its \")\"");
      return cost;
    }
    if (take("[")) {
      OC_RETURN_IF_ERROR(character_class());
      return character;
    }
    if (take(".")) return character;
    if (text_[at_] == '\\') {
      OC_RETURN_IF_ERROR(escape(true));
      return character;
    }
    if (kSpecial.find(text_[at_]) != kSpecial.npos) return wrong(unexpected());
    OC_RETURN_IF_ERROR(printable());
    ++at_;
    return character;
  }

  std::string unexpected() const { return fmt::format("an unexpected {}", text_[at_]); }
  Result<void> printable() const {
    if (text_[at_] < 0x20 || text_[at_] > 0x7e) return wrong("a character beyond printable ASCII");
    return {};
  }

  // At the backslash.
  Result<void> escape(bool classes) {
    const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    const bool known = kEscapable.find(next) != kEscapable.npos ||
                       (classes && (next == 'd' || next == 'w' || next == 's'));
    if (next == '\0' || !known) return wrong("an escape that cannot be enforced here");
    at_ += 2;
    return {};
  }

  // Behind the "[".
  Result<void> character_class() {
    const bool negated = take("^");
    bool empty = true;
    while (at_ < text_.size() && text_[at_] != ']') {
      const char from = text_[at_] == '\\' && at_ + 1 < text_.size() ? text_[at_ + 1] : text_[at_];
      const bool set = text_[at_] == '\\' && (from == 'd' || from == 'w' || from == 's');
      OC_RETURN_IF_ERROR(class_character(!negated));
      if (const std::string_view rest = text_.substr(at_);
          !set && rest.size() > 1 && rest[0] == '-' && rest[1] != ']') {
        ++at_;
        const char to = text_[at_] == '\\' && at_ + 1 < text_.size() ? text_[at_ + 1] : text_[at_];
        OC_RETURN_IF_ERROR(class_character(false));
        if (to < from) return wrong("a range that ends before it begins");
      }
      empty = false;
    }
    if (!take("]")) return wrong("a \"[\" without its \"]\"");
    if (empty) return wrong("an empty class");
    return {};
  }

  Result<void> class_character(bool classes) {
    if (text_[at_] == '\\') return escape(classes);
    if (text_[at_] == '[' || text_[at_] == '^' || text_[at_] == '"') return wrong(unexpected());
    OC_RETURN_IF_ERROR(printable());
    ++at_;
    return {};
  }

  struct Times {
    std::int64_t max_copies = 1;  // copies that are written out
    bool variable = false;
  };
  Result<Times> quantifier() {
    Times times;
    if (take("{")) {
      OC_ASSIGN_OR_RETURN(const std::int64_t min_copies, number());
      times.max_copies = std::max<std::int64_t>(min_copies, 1);
      if (take(",")) {
        times.variable = true;
        if (at_ < text_.size() && text_[at_] != '}') {
          OC_ASSIGN_OR_RETURN(const std::int64_t max_copies, number());
          if (max_copies < min_copies) return wrong("a range that ends before it begins");
          times.max_copies = std::max<std::int64_t>(max_copies, 1);
        }
      }
      if (!take("}")) return wrong("a \"{\" without its \"}\"");
    } else if (take("*") || take("+") || take("?")) {
      times.variable = true;
    } else {
      return times;
    }
    if (at_ < text_.size() && std::string_view("?+*{").find(text_[at_]) != std::string_view::npos)
      return wrong("a second quantifier");
    return times;
  }

  Result<std::int64_t> number() {
    std::int64_t value = 0;
    const std::size_t from = at_;
    while (at_ < text_.size() && is_digit(text_[at_]) && value < kHuge)
      value = value * 10 + (text_[at_++] - '0');
    if (at_ == from) return wrong("a quantifier without its number");
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<PatternCost> pattern_cost(std::string_view pattern) {
  return PatternParser(pattern).parse();
}

}  // namespace oc
