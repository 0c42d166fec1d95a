// ocellus ask IMAGE... "question": one question, one answer.
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

#include "answer_config.h"
#include "runtime/generate.h"
#include "terminal.h"

namespace oc {
namespace {

struct AskFlags : AnswerFlags {
  std::vector<std::string> words;  // pictures, then the question
  bool json = false;
};

// The last word is the question; a file in its place means that it was forgotten.
std::string take_question(std::vector<std::string>& words) {
  std::string question = std::move(words.back());
  words.pop_back();
  std::error_code error;
  if (question == "-" || std::filesystem::is_regular_file(question, error))
    throw ExitError{2, "there is no question: the last word, \"" + question + "\", is a picture",
                    "ocellus ask IMAGE... \"question\""};
  return question;
}

void ask(AskFlags flags) {
  quiet_logs();
  apply_config(flags);
  check_answer_flags(flags);
  const std::string question = take_question(flags.words);
  auto pictures = read_pictures(flags.words);
  if (!pictures.ok()) fail(pictures.error());
  const auto model = load_answering(flags);

  GenerateRequest request = make_request(flags);
  Message& turn = request.messages.emplace_back();
  for (const Picture& picture : *pictures) {
    turn.parts.emplace_back(ImagePart{static_cast<int>(request.images.size())});
    request.images.push_back(request_image(flags, picture));
  }
  turn.parts.emplace_back(TextPart{question});
  finish_request(flags, request);

  const CatchInterrupt interrupt;
  bool shown = false;
  GenerateHooks hooks{.on_piece = nullptr, .cancelled = &CatchInterrupt::caught};
  if (!flags.json)
    hooks.on_piece = [&](const AnswerPiece& piece) {
      show(piece.text);
      shown = true;
    };
  const auto result = generate(*model->model, request, hooks);
  if (flags.json && result.ok())
    show(boost::json::serialize(to_json(*result, *model, *pictures)) + "\n");
  if (shown || (result.ok() && !flags.json)) show("\n");
  if (!result.ok()) {
    if (result.error().code == ErrorCode::kCancelled) throw ExitError{130, "interrupted"};
    fail(result.error());
  }
  print_summary(*result, flags);
}

}  // namespace

void add_ask(CLI::App& app) {
  auto flags = std::make_shared<AskFlags>();
  CLI::App& verb = *app.add_subcommand("ask", "Ask a question about pictures");
  verb.add_option("words", flags->words,
                  "Picture files (JPEG, PNG, WebP; - is standard input) and the question")
      ->required()
      ->option_text("[IMAGE...] \"question\"");
  add_answer_flags(verb, *flags);
  verb.add_flag("--json", flags->json, "Print everything about the answer as one JSON object");
  verb.callback([flags] { ask(*flags); });
}

}  // namespace oc
