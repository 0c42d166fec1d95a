// How an answer is scored against those of ten people: the rule that was published with VQA 2.0
// (Goyal et al. 2017; the rule itself is of Antol et al. 2015), as its evaluation program applies
// it, oddities included, so that a score here is a score there.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace oc {

// What is done to an answer of a model before it is compared:
//   - newlines and tabs are spaces, those at the ends go;
//   - each of ; / [ ] " { } ( ) = + \ _ - > < @ ` , ? ! goes where it stands beside a space
//   anywhere
//     in the answer, or where the answer has a comma between two digits; else it becomes a space;
//   - a full stop goes unless a digit follows, the first 32 of them;
//   - in lower case, "none", "zero" to "ten" are digits, "a", "an" and "the" go, and a contraction
//     gets its apostrophe (vqa_contractions.h);
//   - words are one space apart.
// Apostrophes and colons stay. Digits are ASCII's; lower case is told of Latin, Greek and Cyrillic.
std::string vqa_normalised(std::string_view answer);

// From 0 to 1. Of each person the others are asked: a third for each one who said the same, at most
// 1; the score is the mean over all persons. The model's answer is normalised; of the people's only
// punctuation is, and that only where they do not agree.
double vqa_score(std::string_view answer, std::span<const std::string> people);

// Lists with fewer than ten answers are no votes: the answer is right (1) where it is any of them,
// all of them normalised, else wrong (0). Ten or more: vqa_score().
inline constexpr std::size_t kVqaPeople = 10;
double answer_score(std::string_view answer, std::span<const std::string> answers);

}  // namespace oc
