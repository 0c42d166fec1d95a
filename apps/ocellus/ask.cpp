// ocellus ask IMAGE... "question": one question, one answer.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>

#include "answer_config.h"
#include "answerers.h"
#include "io/json_text.h"
#include "terminal.h"

namespace oc {
namespace {

struct AskFlags : AnswerFlags {
  std::vector<std::string> words;   // pictures, then the question
  std::vector<std::string> frames;  // of a video: files or folders
  double fps = 1;
  bool json = false;
  std::string json_schema;  // a file; empty: the answer may be any text
  std::vector<std::string> choices;
};

// The last word is the question, or where that is a picture the first; pictures alone mean that it
// was forgotten. Behind --frames it is taken for a frame.
std::string take_question(AskFlags& flags) {
  std::vector<std::string>& words = flags.words;
  if (words.empty() && !flags.frames.empty() && !std::filesystem::exists(flags.frames.back()) &&
      !names_image(flags.frames.back())) {
    words.push_back(std::move(flags.frames.back()));
    flags.frames.pop_back();
  }
  if (words.empty())
    throw ExitError{2, "there is no question", "ocellus ask IMAGE... \"question\""};
  const auto at = is_picture_word(words.back()) ? words.begin() : std::prev(words.end());
  if (is_picture_word(*at))
    throw ExitError{2,
                    "there is no question: the last word, \"" + words.back() + "\", is a picture",
                    "ocellus ask IMAGE... \"question\""};
  std::string question = std::move(*at);
  words.erase(at);
  return question;
}

void ask(AskFlags flags) {
  quiet_logs();
  apply_config(flags);
  check_answer_flags(flags);
  const std::string question = take_question(flags);
  std::optional<std::string> schema;
  if (!flags.json_schema.empty()) schema = read_schema(flags.json_schema);
  constexpr std::size_t kMostFrames = 1024;
  auto frames = frame_files(flags.frames, kMostFrames);
  if (!frames.ok()) fail(frames.error());
  std::vector<std::string> files = std::move(flags.words);
  const auto first_frame = static_cast<int>(files.size());
  std::ranges::move(*frames, std::back_inserter(files));
  auto pictures = read_images(files, flags.defaults.pictures);
  if (!pictures.ok()) fail(pictures.error());
  const auto model = load_answering(flags);

  GenerateRequest request = make_request(flags);
  request.json_schema = std::move(schema);
  request.choices = flags.choices;
  Message& turn = request.messages.emplace_back();
  for (const NamedImage& picture : *pictures)
    request.images.push_back(request_image(flags, picture));
  for (int i = 0; i < first_frame; ++i) turn.parts.emplace_back(ImagePart{i});
  if (const auto count = static_cast<int>(frames->size()); count > 0)
    turn.parts.emplace_back(FramesPart{first_frame, count, flags.fps});
  turn.parts.emplace_back(TextPart{question});
  finish_request(flags, *model->model, request);

  const bool scored = !request.choices.empty();
  const GenerateResult result = answer_request(*model, request, !flags.json && !scored);
  if (flags.json)
    show_line(json_text(to_json(result, *model, *pictures)));
  else if (scored)
    for (const ChoiceScore& choice : result.scores)
      show_line(fmt::format("{:.4f}  {}", choice.probability, choice.text));
  print_summary(result, flags);
}

}  // namespace

void add_ask(CLI::App& app) {
  auto flags = std::make_shared<AskFlags>();
  CLI::App& verb = *app.add_subcommand("ask", "Ask a question about pictures");
  verb.add_option("words", flags->words,
                  "Pictures (files, data: URIs, or - for standard input) and the question")
      ->option_text("[IMAGE...] \"question\"");
  verb.add_option("--frames", flags->frames,
                  "Frames of a video, in order: pictures, or a folder of them (models that know "
                  "videos)")
      ->option_text("FRAME...");
  verb.add_option("--fps", flags->fps, "Frames a second that these are")
      ->check(CLI::Range(kMinFps, kMaxFps))
      ->capture_default_str()
      ->needs("--frames");
  add_answer_flags(verb, *flags);
  verb.add_option("--json-schema", flags->json_schema,
                  "A file with a JSON schema that the answer keeps to");
  verb.add_option(
          "--choices", flags->choices,
          "Print how likely each of these answers is, instead of one: --choices yes,no; may "
          "be given again")
      ->delimiter(',')
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false)
      ->option_text("TEXT,…")
      ->excludes("--json-schema");
  verb.add_flag("--json", flags->json, "Print everything about the answer as one JSON object");
  verb.callback([flags] { ask(*flags); });
}

}  // namespace oc
