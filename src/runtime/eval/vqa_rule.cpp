#include "runtime/eval/vqa_rule.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/utf8.h"
#include "runtime/eval/vqa_contractions.h"

namespace oc {
namespace {

constexpr std::string_view kPunctuation = ";/[]\"{}()=+\\_-><@`,?!";
constexpr std::array<std::string_view, 3> kArticles = {"a", "an", "the"};
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kNumbers = {
    {{"none", "0"},
     {"zero", "0"},
     {"one", "1"},
     {"two", "2"},
     {"three", "3"},
     {"four", "4"},
     {"five", "5"},
     {"six", "6"},
     {"seven", "7"},
     {"eight", "8"},
     {"nine", "9"},
     {"ten", "10"}}};

bool is_space(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

bool has_comma_between_digits(std::string_view text) {
  for (std::size_t at = text.find(','); at != text.npos; at = text.find(',', at + 1))
    if (at > 0 && at + 1 < text.size() && is_digit(text[at - 1]) && is_digit(text[at + 1]))
      return true;
  return false;
}

bool stands_beside_space(std::string_view text, char mark) {
  for (std::size_t at = text.find(mark); at != text.npos; at = text.find(mark, at + 1))
    if ((at > 0 && text[at - 1] == ' ') || (at + 1 < text.size() && text[at + 1] == ' '))
      return true;
  return false;
}

// The published program hands a flag to its regular expression where the number of replacements
// belongs; the flag's value is 32.
constexpr int kMostStops = 32;

std::string without_stops(std::string_view text) {
  std::string out;
  int stops = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool decimal = i + 1 < text.size() && is_digit(text[i + 1]);
    if (text[i] == '.' && !decimal && stops < kMostStops)
      ++stops;
    else
      out += text[i];
  }
  return out;
}

std::string without_punctuation(std::string_view text) {
  const bool thousands = has_comma_between_digits(text);
  std::string out(text);
  for (const char mark : kPunctuation) {
    if (thousands || stands_beside_space(text, mark))
      std::erase(out, mark);
    else
      std::ranges::replace(out, mark, ' ');
  }
  return without_stops(out);
}

char32_t lower_letter(char32_t c) {
  if (c < 0x80) return static_cast<unsigned char>(lower(static_cast<char>(c)));
  if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) ||
      (c >= 0x410 && c <= 0x42F))
    return c + 0x20;
  if (c >= 0x400 && c <= 0x40F) return c + 0x50;
  if (c == 0x178) return 0xFF;  // y with two dots
  const bool pairs = (c >= 0x100 && c <= 0x12F) || (c >= 0x132 && c <= 0x137) ||
                     (c >= 0x14A && c <= 0x177) || (c >= 0x460 && c <= 0x481);
  if (pairs) return c | 1;  // an even capital and its odd letter
  const bool odd_pairs = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
  return odd_pairs && c % 2 == 1 ? c + 1 : c;
}

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  out += static_cast<char>(0xC0 | c >> 6);  // lower_letter() changes nothing past U+07FF
  out += static_cast<char>(0x80 | (c & 0x3F));
}

// In lower case, without spaces.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  while (!text.empty()) {
    const CodePoint next = first_code_point(text);
    const std::size_t size = std::max<std::size_t>(next.size, 1);
    const std::string_view bytes = text.substr(0, size);
    text.remove_prefix(size);
    if (next.size > 0 && is_space(next.value)) {
      inside = false;
      continue;
    }
    if (!std::exchange(inside, true)) words.emplace_back();
    if (next.size > 0 && next.value < 0x800)
      append_utf8(words.back(), lower_letter(next.value));
    else
      words.back() += bytes;
  }
  return words;
}

std::string in_plain_words(std::string_view text) {
  std::string out;
  for (std::string_view word : words_of(text)) {
    if (const auto number =
            std::ranges::find(kNumbers, word, &decltype(kNumbers)::value_type::first);
        number != kNumbers.end())
      word = number->second;
    if (std::ranges::find(kArticles, word) != kArticles.end()) continue;
    if (!out.empty()) out += ' ';
    out += with_apostrophe(word);
  }
  return out;
}

std::string stripped(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c == '\n' || c == '\t') c = ' ';
  std::string_view rest = out;
  for (CodePoint c = first_code_point(rest); c.size > 0 && is_space(c.value);
       c = first_code_point(rest))
    rest.remove_prefix(c.size);
  for (CodePoint c = last_code_point(rest); c.size > 0 && is_space(c.value);
       c = last_code_point(rest))
    rest.remove_suffix(c.size);
  return std::string(rest);
}

}  // namespace

std::string vqa_normalised(std::string_view answer) {
  return in_plain_words(without_punctuation(stripped(answer)));
}

double vqa_score(std::string_view answer, std::span<const std::string> people) {
  if (people.empty()) return 0;
  const bool agree =
      std::ranges::all_of(people, [&](const std::string& said) { return said == people.front(); });
  const std::string wanted = vqa_normalised(answer);
  std::vector<bool> same;
  for (const std::string& said : people)
    same.push_back((agree ? said : without_punctuation(said)) == wanted);
  const auto all = static_cast<int>(std::ranges::count(same, true));
  double sum = 0;
  for (const bool one : same) sum += std::min(1.0, (one ? all - 1 : all) / 3.0);
  return sum / static_cast<double>(people.size());
}

double answer_score(std::string_view answer, std::span<const std::string> answers) {
  if (answers.size() >= kVqaPeople) return vqa_score(answer, answers);
  const std::string wanted = vqa_normalised(answer);
  const bool right = std::ranges::any_of(
      answers, [&](const std::string& one) { return vqa_normalised(one) == wanted; });
  return right ? 1 : 0;
}

}  // namespace oc
