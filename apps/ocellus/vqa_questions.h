// What `eval vqa` and `compare` ask: questions with people's answers, from files, and one of them
// put to a model.
#pragma once

#include <optional>
#include <string>

#include "api/offline/answerer.h"
#include "api/offline/picture_question.h"
#include "api/offline/text_template.h"
#include "runtime/eval/vqa_data.h"
#include "runtime/eval/vqa_report.h"
#include "verbs.h"

namespace oc {

struct QuestionFlags {
  std::string questions, annotations, images, format = "vqa";
  VqaDraw draw;
  std::string prompt;  // with {question}
};

// An answer is a word or a few; this is what they are asked for, and how many tokens they get where
// the flags do not say.
inline constexpr std::string_view kShortAnswerPrompt =
    "{question}\nAnswer the question using a single word or phrase.";
inline constexpr int kShortAnswerTokens = 32;

// --questions, which it returns, --annotations, --images, --format, --sample, --seed, --prompt,
// whose default is kShortAnswerPrompt.
CLI::Option* add_question_flags(CLI::App& verb, QuestionFlags& flags);

// All of these end the program where something is wrong.
VqaSample read_questions(const QuestionFlags& flags);
TextTemplate read_prompt(const std::string& prompt);  // {question}, and no other place

struct VqaReply {
  VqaAnswer answer;
  TextAnswer text;               // where there is one: with its tokens
  ChatReply reply;               // with its times
  bool stopped = false;          // the run was told to end
  std::optional<Error> failure;  // of all questions, not of this one
};
// `picture`: a data URI, or why there is none.
VqaReply ask_vqa(Answerer& answerer, const QuestionSettings& settings, const TextTemplate& prompt,
                 const std::string& question, const Result<std::string>& picture);

}  // namespace oc
