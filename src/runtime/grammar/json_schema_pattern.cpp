// Regular expressions of a JSON schema: the part that the grammar library takes as a JSON string's
// content. What is beyond it the library would ignore (lookahead), or write unescaped (", \).
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/ascii.h"
#include "runtime/grammar/json_schema.h"
#include "runtime/grammar/json_schema_pattern.h"

namespace oc {
namespace {

constexpr std::string_view kSpecial = "^$.|()[]{}*+?\\\"";
constexpr std::string_view kEscapable = "^$.|()[]{}*+?-/";
constexpr std::int64_t kHuge = 1'000'000;
constexpr int kMaxDepth = 16;

PlaceCharacters set_of(char name) {  // \d, \w, \s
  PlaceCharacters out;
  for (int c = 0; c < 128; ++c) {
    const char one = static_cast<char>(c);
    if ((name == 'd' && is_digit(one)) ||
        (name == 's' && std::string_view(" \t\r\n\v\f").find(one) != std::string_view::npos) ||
        (name == 'w' && (is_letter_or_digit(one) || one == '_')))
      out.ascii.set(static_cast<std::size_t>(c));
  }
  return out;
}
PlaceCharacters one_character(char c) {
  PlaceCharacters out;
  out.ascii.set(static_cast<unsigned char>(c) & 127u);
  return out;
}
PlaceCharacters all_but(PlaceCharacters out) {
  out.ascii.flip();
  out.others = !out.others;
  return out;
}

class PatternParser {
 public:
  explicit PatternParser(std::string_view text) : text_(text) {}

  Result<PatternPart> parse() {
    if (text_.starts_with('^')) ++at_;
    OC_ASSIGN_OR_RETURN(PatternPart whole, alternatives(0));
    if (at_ < text_.size()) return wrong("an unmatched \")\"");
    return whole;
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

  Result<PatternPart> alternatives(int depth) {
    if (depth > kMaxDepth) return wrong("too many groups within each other");
    PatternPart all{.kind = PatternPart::kAny};
    do {
      PatternPart one{.kind = PatternPart::kSequence};
      while (more() && text_[at_] != '|' && text_[at_] != ')') {
        OC_ASSIGN_OR_RETURN(PatternPart next, item(depth));
        one.places = std::min(one.places + next.places, kHuge);
        one.parts.push_back(std::move(next));
      }
      all.places = std::min(all.places + one.places, kHuge);
      all.parts.push_back(std::move(one));
    } while (take("|"));
    if (depth == 0 && at_end_anchor()) ++at_;
    return all;
  }

  Result<PatternPart> item(int depth) {
    const std::size_t from = at_;
    OC_ASSIGN_OR_RETURN(PatternPart one, atom(depth));
    one.text = text_.substr(from, at_ - from);
    OC_ASSIGN_OR_RETURN(const auto times, quantifier());
    if (times.first == 1 && times.second == 1) return one;
    PatternPart all{.kind = PatternPart::kRepeat, .least = times.first, .most = times.second};
    all.places =
        std::min(one.places * std::max<std::int64_t>({times.first, times.second, 1}), kHuge);
    all.parts.push_back(std::move(one));
    return all;
  }

  static PatternPart place(PlaceCharacters characters) {
    return {.kind = PatternPart::kPlace, .characters = characters, .places = 1};
  }

  Result<PatternPart> atom(int depth) {
    if (take("(")) {
      if (!take("?:") && text_.substr(at_).starts_with('?')) return wrong("a lookaround or name");
      OC_ASSIGN_OR_RETURN(PatternPart group, alternatives(depth + 1));
      if (!take(")")) return wrong("a \"(\" without its \")\"");
      return group;
    }
    if (take("[")) {
      OC_ASSIGN_OR_RETURN(const PlaceCharacters characters, character_class());
      return place(characters);
    }
    if (take(".")) return place(all_but({}));
    if (text_[at_] == '\\') {
      OC_ASSIGN_OR_RETURN(const PlaceCharacters characters, escape(true));
      return place(characters);
    }
    if (kSpecial.find(text_[at_]) != kSpecial.npos) return wrong(unexpected());
    OC_RETURN_IF_ERROR(printable());
    return place(one_character(text_[at_++]));
  }

  std::string unexpected() const { return fmt::format("an unexpected {}", text_[at_]); }
  Result<void> printable() const {
    if (text_[at_] < 0x20 || text_[at_] > 0x7e) return wrong("a character beyond printable ASCII");
    return {};
  }

  // At the backslash.
  Result<PlaceCharacters> escape(bool classes) {
    const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    const bool set = classes && (next == 'd' || next == 'w' || next == 's');
    if (next == '\0' || !(set || kEscapable.find(next) != kEscapable.npos))
      return wrong("an escape that cannot be enforced here");
    at_ += 2;
    return set ? set_of(next) : one_character(next);
  }

  // Behind the "[".
  Result<PlaceCharacters> character_class() {
    const bool negated = take("^");
    PlaceCharacters all;
    bool empty = true;
    while (at_ < text_.size() && text_[at_] != ']') {
      const char from = text_[at_] == '\\' && at_ + 1 < text_.size() ? text_[at_ + 1] : text_[at_];
      const bool set = text_[at_] == '\\' && (from == 'd' || from == 'w' || from == 's');
      OC_ASSIGN_OR_RETURN(const PlaceCharacters one, class_character(!negated));
      all.ascii |= one.ascii;
      if (const std::string_view rest = text_.substr(at_);
          !set && rest.size() > 1 && rest[0] == '-' && rest[1] != ']') {
        ++at_;
        const char to = text_[at_] == '\\' && at_ + 1 < text_.size() ? text_[at_ + 1] : text_[at_];
        OC_RETURN_IF_ERROR(class_character(false));
        if (to < from) return wrong("a range that ends before it begins");
        for (int c = from; c <= to; ++c) all.ascii.set(static_cast<std::size_t>(c));
      }
      empty = false;
    }
    if (!take("]")) return wrong("a \"[\" without its \"]\"");
    if (empty) return wrong("an empty class");
    return negated ? all_but(all) : all;
  }

  Result<PlaceCharacters> class_character(bool classes) {
    if (text_[at_] == '\\') return escape(classes);
    if (text_[at_] == '[' || text_[at_] == '^' || text_[at_] == '"') return wrong(unexpected());
    OC_RETURN_IF_ERROR(printable());
    return one_character(text_[at_++]);
  }

  // At least and at most; -1: no end.
  Result<std::pair<std::int64_t, std::int64_t>> quantifier() {
    std::pair<std::int64_t, std::int64_t> times = {1, 1};
    if (take("{")) {
      OC_ASSIGN_OR_RETURN(times.first, number());
      times.second = times.first;
      if (take(",")) {
        times.second = -1;
        if (at_ < text_.size() && text_[at_] != '}') {
          OC_ASSIGN_OR_RETURN(times.second, number());
          if (times.second < times.first) return wrong("a range that ends before it begins");
        }
      }
      if (!take("}")) return wrong("a \"{\" without its \"}\"");
    } else if (take("*")) {
      times = {0, -1};
    } else if (take("+")) {
      times = {1, -1};
    } else if (take("?")) {
      times = {0, 1};
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

std::string text_of(const PatternPart& part) {
  if (part.kind == PatternPart::kPlace) return std::string(part.text);
  if (part.kind == PatternPart::kRepeat) {
    const std::string one = text_of(part.parts[0]);
    if (part.most >= 0) return fmt::format("{}{{{},{}}}", one, part.least, part.most);
    return part.least < 2 ? one + (part.least == 0 ? '*' : '+')
                          : fmt::format("{}{{{},}}", one, part.least);
  }
  std::string all;
  for (const PatternPart& one : part.parts) {
    if (part.kind == PatternPart::kAny && &one != &part.parts.front()) all += '|';
    all += text_of(one);
  }
  return part.kind == PatternPart::kAny ? fmt::format("(?:{})", all) : all;
}

// The shortest and the longest of what it allows; kHuge: no end.
std::pair<std::int64_t, std::int64_t> lengths_of(const PatternPart& part) {
  if (part.kind == PatternPart::kPlace) return {1, 1};
  if (part.kind == PatternPart::kRepeat) {
    const auto [shortest, longest] = lengths_of(part.parts[0]);
    const std::int64_t most = part.most < 0 && longest > 0 ? kHuge : part.most;
    return {std::min(shortest * part.least, kHuge), std::min(longest * most, kHuge)};
  }
  std::pair<std::int64_t, std::int64_t> all = {part.kind == PatternPart::kAny ? kHuge : 0, 0};
  for (const PatternPart& one : part.parts) {
    const auto [shortest, longest] = lengths_of(one);
    if (part.kind == PatternPart::kAny)
      all = {std::min(all.first, shortest), std::max(all.second, longest)};
    else
      all = {std::min(all.first + shortest, kHuge), std::min(all.second + longest, kHuge)};
  }
  return all;
}

}  // namespace

Result<PatternPart> read_pattern(std::string_view pattern) {
  return PatternParser(pattern).parse();
}

std::string written_out(const PatternPart& pattern) {
  return fmt::format("^{}$", text_of(pattern));
}

std::string within_lengths(std::string_view pattern, std::int64_t least, std::int64_t most) {
  const auto whole = read_pattern(pattern);
  if (!whole.ok()) return "";
  const auto [shortest, longest] = lengths_of(*whole);
  if (shortest >= least && longest <= most) return std::string(pattern);
  const PatternPart* part = &*whole;
  while (part->kind != PatternPart::kRepeat && part->parts.size() == 1) part = &part->parts[0];
  if (part->kind != PatternPart::kRepeat || part->parts[0].kind != PatternPart::kPlace) return "";
  least = std::max(least, part->least);
  if (part->most >= 0) most = std::min(most, part->most);
  if (least > most) return "";
  return most >= kHuge ? fmt::format("^{}{{{},}}$", part->parts[0].text, least)
                       : fmt::format("^{}{{{},{}}}$", part->parts[0].text, least, most);
}

}  // namespace oc
