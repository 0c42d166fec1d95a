// ocellus ask IMAGE... "question": one question, one answer.
#include <filesystem>
#include <memory>
#include <optional>

#include "answer_config.h"
#include "io/json.h"
#include "io/json_text.h"
#include "runtime/grammar/json_schema.h"
#include "runtime/serving/generate.h"
#include "terminal.h"

namespace oc {
namespace {

struct AskFlags : AnswerFlags {
  std::vector<std::string> words;  // pictures, then the question
  bool json = false;
  std::string json_schema;  // a file; empty: the answer may be any text
};

// The schema in a file, as far as it can be enforced.
std::string read_schema(const std::string& file) {
  constexpr std::size_t kMaxBytes = 1 << 20;
  auto text = read_file(file, kMaxBytes);
  if (!text.ok()) fail(text.error());
  const auto schema = parse_json(*text, file);
  if (!schema.ok()) fail(schema.error());
  auto enforceable = enforceable_schema(*schema, file);
  if (!enforceable.ok()) fail(enforceable.error());
  return *std::move(enforceable);
}

// The last word is the question; a file in its place means that it was forgotten.
std::string take_question(std::vector<std::string>& words) {
  std::string question = std::move(words.back());
  words.pop_back();
  if (names_image(question))
    throw ExitError{2, "there is no question: the last word, \"" + question + "\", is a picture",
                    "ocellus ask IMAGE... \"question\""};
  return question;
}

void ask(AskFlags flags) {
  quiet_logs();
  apply_config(flags);
  check_answer_flags(flags);
  const std::string question = take_question(flags.words);
  std::optional<std::string> schema;
  if (!flags.json_schema.empty()) schema = read_schema(flags.json_schema);
  auto pictures = read_images(flags.words, flags.defaults.pictures);
  if (!pictures.ok()) fail(pictures.error());
  const auto model = load_answering(flags);

  GenerateRequest request = make_request(flags);
  request.json_schema = std::move(schema);
  Message& turn = request.messages.emplace_back();
  for (const NamedImage& picture : *pictures) {
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
      show_answer(piece.text);
      shown = true;
    };
  const auto result = generate(*model->model, request, hooks);
  if (flags.json && result.ok()) show_line(json_text(to_json(*result, *model, *pictures)));
  if (shown || (result.ok() && !flags.json)) show_answer("\n");
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
                  "Pictures (files, data: URIs, or - for standard input) and the question")
      ->required()
      ->option_text("[IMAGE...] \"question\"");
  add_answer_flags(verb, *flags);
  verb.add_option("--json-schema", flags->json_schema,
                  "A file with a JSON schema that the answer keeps to");
  verb.add_flag("--json", flags->json, "Print everything about the answer as one JSON object");
  verb.callback([flags] { ask(*flags); });
}

}  // namespace oc
