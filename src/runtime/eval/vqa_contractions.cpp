#include "runtime/eval/vqa_contractions.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

namespace oc {
namespace {

using Words = std::vector<std::string_view>;
using Contractions = std::map<std::string, std::string, std::less<>>;

// Which words the published list has, by their ending. It has no rule: "hed" is in it and "shed" is
// not. Its four with a capital I are left out, as they are never met: words come in lower case.
const Words kNot = {"ai",    "are", "ca",     "could", "did",   "does", "do",
                    "had",   "has", "have",   "is",    "might", "must", "need",
                    "ought", "sha", "should", "was",   "were",  "wo",   "would"};
const Words kNotHave = {"could", "had", "might", "should", "would"};
const Words kHave = {"could", "might", "must",  "not", "should", "they",
                     "we",    "what",  "where", "who", "would",  "you"};
const Words kWould = {"he",    "how",  "it",    "someone", "something",
                      "there", "they", "where", "who",     "you"};
const Words kWouldHave = {"he",    "it",   "she", "somebody", "someone", "something",
                          "there", "they", "we",  "who",      "you"};
const Words kWill = {"how",  "it",   "somebody", "someone", "something",
                     "they", "what", "who",      "why",     "you"};
const Words kIs = {"he",   "how",  "somebody", "someone", "that", "there",
                   "what", "when", "where",    "who",     "why"};
const Words kAre = {"there", "they", "what", "why", "you"};
// What follows no ending. "somebody'd" loses its apostrophe there.
const Contractions kOthers = {
    {"maam", "ma'am"},           {"oclock", "o'clock"},       {"twas", "'twas"},
    {"ow's'at", "'ow's'at"},     {"'ows'at", "'ow's'at"},     {"'ow'sat", "'ow's'at"},
    {"somebody'd", "somebodyd"}, {"yall", "y'all"},           {"yall'll", "y'all'll"},
    {"y'allll", "y'all'll"},     {"yall'd've", "y'all'd've"}, {"y'alld've", "y'all'd've"},
    {"y'all'dve", "y'all'd've"}};

Contractions all_contractions() {
  Contractions out = kOthers;
  const auto add = [&out](const Words& words, std::string_view without, std::string_view with) {
    for (const std::string_view word : words)
      out[fmt::format("{}{}", word, without)] = fmt::format("{}{}", word, with);
  };
  add(kNot, "nt", "n't");
  add(kNotHave, "nt've", "n't've");
  add(kNotHave, "n'tve", "n't've");
  add(kHave, "ve", "'ve");
  add(kWould, "d", "'d");
  add(kWouldHave, "d've", "'d've");
  add(kWouldHave, "'dve", "'d've");
  add(kWill, "ll", "'ll");
  add(kIs, "s", "'s");
  add(kAre, "re", "'re");
  return out;
}

}  // namespace

std::string_view with_apostrophe(std::string_view word) {
  static const Contractions kAll = all_contractions();
  const auto found = kAll.find(word);
  return found == kAll.end() ? word : std::string_view(found->second);
}

}  // namespace oc
