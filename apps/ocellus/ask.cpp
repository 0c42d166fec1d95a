// ocellus ask IMAGE... "question": one question, one answer.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>

#include "answer_config.h"
#include "answerers.h"
#include "api/cut_json.h"
#include "api/logprobs_json.h"
#include "command_table.h"
#include "io/json_text.h"
#include "terminal.h"
#include "typed_input.h"

namespace oc {
namespace {

struct AskFlags : AnswerFlags {
  std::vector<std::string> words;   // pictures, then the question
  std::vector<std::string> frames;  // of a video: files or folders
  double fps = 1;
  bool json = false;
  std::string json_schema;  // a file; empty: the answer may be any text
  std::vector<std::string> choices;
  std::optional<int> logprobs;  // so many others at each token's place; nullopt: none is shown
};

// The last word that is no picture is the question, wherever it stands; pictures alone mean that it
// was forgotten. Behind --frames it is taken for a frame.
std::string take_question(AskFlags& flags) {
  std::vector<std::string>& words = flags.words;
  if (words.empty() && !flags.frames.empty() && !std::filesystem::exists(flags.frames.back()) &&
      !is_picture_word(flags.frames.back())) {
    words.push_back(std::move(flags.frames.back()));
    flags.frames.pop_back();
  }
  constexpr const char* kHint = "ocellus ask IMAGE... \"question\"";
  if (words.empty()) throw ExitError{2, "there is no question", kHint};
  const auto last = std::find_if_not(words.rbegin(), words.rend(), is_picture_word);
  if (last == words.rend())
    throw ExitError{
        2, "there is no question: the last word, \"" + words.back() + "\", is a picture", kHint};
  std::string question = std::move(*last);
  words.erase(std::prev(last.base()));
  if (is_blank(question)) throw ExitError{2, "the question is empty", kHint};
  return question;
}

void check_choices(const std::vector<std::string>& choices) {
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (is_blank(choices[i]))
      throw ExitError{2, "one of the --choices is empty", "--choices yes,no"};
    if (std::find(choices.begin(), choices.begin() + static_cast<std::ptrdiff_t>(i), choices[i]) !=
        choices.begin() + static_cast<std::ptrdiff_t>(i))
      throw ExitError{2, "--choices has \"" + choices[i] + "\" twice", "name each answer once"};
  }
}

// A line for each token: "Circle", its logprob and share, and what else was likely there.
std::string logprobs_table(const std::vector<TokenLogprobs>& tokens) {
  const auto quoted = [](const ScoredToken& token) {
    return json_text(boost::json::value(token_text(token)));
  };
  const auto columns = [](const std::string& text, std::size_t width) {
    return text + std::string(width - std::min(width, code_points(text)), ' ');
  };
  std::size_t width = 5;
  for (const TokenLogprobs& token : tokens) width = std::max(width, code_points(quoted(token)));
  std::string out = fmt::format("\n{}    LOGPROB  PROBABILITY", columns("TOKEN", width));
  if (std::ranges::any_of(tokens, [](const TokenLogprobs& token) { return !token.top.empty(); }))
    out += "  LIKELIEST HERE";
  out += "\n";
  for (const TokenLogprobs& token : tokens) {
    out += fmt::format("{}  {:9.4f}  {:9.2f} %", columns(quoted(token), width), token.logprob,
                       100 * std::exp(token.logprob));
    for (const ScoredToken& other : token.top)
      out += fmt::format("  {} {:.2f} %", quoted(other), 100 * std::exp(other.logprob));
    out += "\n";
  }
  return out;
}

void ask(AskFlags flags) {
  quiet_logs();
  apply_config(flags);
  check_answer_flags(flags);
  check_choices(flags.choices);
  const std::string question = take_question(flags);
  std::optional<std::string> schema;
  if (!flags.json_schema.empty()) schema = read_schema(flags.json_schema, flags.quiet);
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
  request.logprobs = flags.logprobs.has_value();
  request.top_logprobs = flags.logprobs.value_or(0);
  Message& turn = request.messages.emplace_back();
  for (const NamedImage& picture : *pictures)
    request.images.push_back(request_image(flags, picture));
  for (int i = 0; i < first_frame; ++i) turn.parts.emplace_back(ImagePart{i});
  if (const auto count = static_cast<int>(frames->size()); count > 0)
    turn.parts.emplace_back(FramesPart{first_frame, count, flags.fps});
  turn.parts.emplace_back(TextPart{question});
  finish_request(flags, *model->model, request);

  const bool scored = !request.choices.empty();
  GenerateResult result = answer_request(*model, request, !flags.json && !scored, flags);
  if (request.json_schema) {
    FieldNames names;
    names.call("max_tokens", "--max-tokens");
    warn_of_cut_json(result, names);
  }
  if (flags.json)
    show_line(json_text(to_json(result, *model, *pictures)));
  else if (scored)
    for (const ChoiceScore& choice : result.scores)
      show_line(fmt::format("{:.4f}  {}", choice.probability, choice.text));
  else if (request.logprobs)
    show(logprobs_table(result.logprobs));
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
      ->option_text("FRAME...")
      ->group("Pictures");
  verb.add_option("--fps", flags->fps, "Frames a second that these are")
      ->check(CLI::Range(kMinFps, kMaxFps))
      ->capture_default_str()
      ->needs("--frames")
      ->group("Pictures");
  add_answer_flags(verb, *flags);
  verb.add_option("--json-schema", flags->json_schema,
                  "A file with a JSON schema that the answer keeps to")
      ->option_text("FILE")
      ->group("Answer");
  verb.add_option(
          "--choices", flags->choices,
          "Print how likely each of these answers is, instead of one: --choices yes,no; may "
          "be given again")
      ->delimiter(',')
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false)
      ->option_text("TEXT,…")
      ->excludes("--json-schema")
      ->group("Answer");
  verb.add_option("--logprobs", flags->logprobs,
                  "Print how likely each token of the answer was, and the N likeliest at its place")
      ->check(CLI::Range(0, 20))
      ->excludes("--choices")
      ->group("Answer");
  verb.add_flag("--json", flags->json, "Print everything about the answer as one JSON object")
      ->group("Output");
  add_examples(verb, {"ocellus ask photo.jpg \"What is in the picture?\"",
                      "ocellus ask a.png b.png \"What has changed?\" --detail low",
                      "ocellus ask photo.jpg \"Is there a dog?\" --choices Yes.,No."});
  verb.callback([flags] { ask(*flags); });
}

}  // namespace oc
