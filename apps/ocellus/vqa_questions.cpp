#include "vqa_questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "whole_number.h"

namespace oc {

CLI::Option* add_question_flags(CLI::App& verb, QuestionFlags& flags) {
  CLI::Option* const questions =
      verb.add_option("--questions", flags.questions, "Questions, as published; or a file of lines")
          ->check(CLI::ExistingFile);
  verb.add_option("--annotations", flags.annotations, "People's answers, as published")
      ->check(CLI::ExistingFile);
  verb.add_option("--images", flags.images,
                  "The folder of the pictures (of lines: else where their file is)")
      ->check(CLI::ExistingDirectory);
  verb.add_option("--format", flags.format,
                  "vqa: the two files of VQA 2.0; lines: {\"image\", \"question\", \"answers\"} on "
                  "each line")
      ->check(CLI::IsMember({"vqa", "lines"}))
      ->capture_default_str();
  verb.add_option("--sample", flags.draw.count, "Ask so many of them, drawn; 0: all")
      ->check(whole_number())
      ->capture_default_str();
  verb.add_option("--seed", flags.draw.seed, "Which ones are drawn")
      ->check(whole_number())
      ->capture_default_str();
  flags.prompt = kShortAnswerPrompt;
  verb.add_option("--prompt", flags.prompt, "How it is asked; {question} stands for the question")
      ->default_str("the question, and that a word or phrase will do");
  return questions;
}

VqaSample read_questions(const QuestionFlags& flags) {
  namespace fs = std::filesystem;
  auto sample = [&]() -> Result<VqaSample> {
    if (flags.format == "lines") {
      const fs::path folder =
          flags.images.empty() ? fs::path(flags.questions).parent_path() : fs::path(flags.images);
      return read_vqa_lines(flags.questions, folder, flags.draw);
    }
    if (flags.annotations.empty() || flags.images.empty())
      throw ExitError{2, "--annotations and --images are missing",
                      "or take --format lines for a file of lines"};
    return read_vqa(flags.questions, flags.annotations, flags.images, flags.draw);
  }();
  if (!sample.ok()) fail(sample.error());
  if (sample->questions.empty()) throw ExitError{1, flags.questions + " has no questions"};
  if (const auto there = check_pictures(*sample); !there.ok()) fail(there.error());
  return *std::move(sample);
}

TextTemplate read_prompt(const std::string& prompt) {
  constexpr const char* kHint = "{question} is the question's place, {{ and }} are braces";
  auto parsed = TextTemplate::parse(prompt);
  if (!parsed.ok()) throw ExitError{2, "--prompt: " + parsed.error().message, kHint};
  const std::vector<std::string> names = parsed->names();
  for (const std::string& name : names)
    if (name != "question")
      throw ExitError{2, fmt::format("--prompt: there is no {{{}}}", name), kHint};
  if (names.empty())
    throw ExitError{2, "--prompt has no {question}: all questions would be one", kHint};
  return *std::move(parsed);
}

VqaReply ask_vqa(Answerer& answerer, const QuestionSettings& settings, const TextTemplate& prompt,
                 const std::string& question, const Result<std::string>& picture) {
  VqaReply out;
  if (!picture.ok()) {
    out.answer.error = picture.error().message;
    return out;
  }
  const auto text = prompt.fill([&](std::string_view) { return std::optional(question); });
  out.reply = answerer.answer(kChatPath, question_body(settings, *picture, *text));
  out.stopped = out.reply.stopped;
  ReadReply read = read_reply(out.reply);
  if (read.answer) {
    out.text = *std::move(read.answer);
    out.answer.text = out.text.text;
  } else if (is_about_all(out.reply)) {
    out.failure = Error{ErrorCode::kUnavailable, read.error.message};
  } else {
    out.answer.error = fmt::format("{}: {}", read.error.code, read.error.message);
  }
  return out;
}

}  // namespace oc
