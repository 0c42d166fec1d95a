// ocellus chat IMAGE...: several turns about pictures, line by line from standard input.
#include <algorithm>
#include <memory>
#include <optional>

#include "answer_config.h"
#include "answer_progress_line.h"
#include "chat_line.h"
#include "line_editor.h"
#include "line_history.h"
#include "ops/kv_cache.h"
#include "runtime/serving/generate.h"
#include "terminal.h"

namespace oc {
namespace {

struct ChatFlags : AnswerFlags {
  std::vector<std::string> files;
  bool no_history = false;
};

// Of the keys and values of as many tokens as it reads, in whole blocks.
std::size_t context_bytes(const Model& model) {
  const ModelInfo& info = model.info();
  return static_cast<std::size_t>(whole_kv_blocks(info.context_length)) * info.kv_token_bytes;
}

// The conversation so far. Pictures wait until the next question takes them along.
class Chat {
 public:
  Chat(const AnswerFlags& flags, const LoadedModel& model)
      : flags_(flags),
        model_(model),
        request_(make_request(flags)),
        prefixes_(context_bytes(*model.model)) {}

  void add(const NamedImage& picture) {
    RequestImage& image = request_.images.emplace_back(request_image(flags_, picture));
    image.pixels = pixel_digest(*image.image);
  }

  // Pictures that go with the next question; where one cannot be read none of them does.
  Result<void> show(const std::vector<std::string>& files) {
    const auto pictures = read_images(files, flags_.defaults.pictures);
    if (!pictures.ok()) return pictures.error();
    for (const NamedImage& picture : *pictures) add(picture);
    return {};
  }

  void reset() {
    auto images = std::move(request_.images);
    request_ = make_request(flags_);
    request_.images = std::move(images);
    placed_ = 0;
    prefixes_.shrink_to(0);
  }

  // Streams the answer. A turn that failed or was interrupted is forgotten; its pictures wait on.
  Result<void> ask(const std::string& question) {
    const std::size_t placed_before = placed_;
    Message& turn = request_.messages.emplace_back();
    while (placed_ < request_.images.size())
      turn.parts.emplace_back(ImagePart{static_cast<int>(placed_++)});
    turn.parts.emplace_back(TextPart{question});
    finish_request(flags_, *model_.model, request_);

    const GenerateHooks hooks{.on_piece = [](const AnswerPiece& piece) { show_answer(piece.text); },
                              .cancelled = &CatchInterrupt::caught};
    AnswerProgressLine line(!flags_.quiet, true);
    request_.on_progress = [&](const AnswerProgress& progress) { line.update(progress); };
    const auto result = generate(*model_.model, request_, hooks, {.prefixes = &prefixes_});
    request_.on_progress = nullptr;
    line.erase();
    show_answer("\n");
    if (!result.ok()) {
      request_.messages.pop_back();
      placed_ = placed_before;
      return result.error();
    }
    print_summary(*result, flags_);
    Message& answer = request_.messages.emplace_back();
    answer.role = Role::kAssistant;
    answer.parts.emplace_back(TextPart{result->text});
    return {};
  }

 private:
  const AnswerFlags& flags_;
  const LoadedModel& model_;
  GenerateRequest request_;
  std::size_t placed_ = 0;  // pictures that stand in a turn
  // The conversation, computed so far; what is longer takes the place of what it begins with. No
  // more than the context holds, however many turns are interrupted or forgotten.
  PrefixCache prefixes_;
};

void report(const Error& error) {
  tell_line("error: " + error.message);
  if (!error.hint.empty()) tell_line("hint: " + error.hint);
}

// One line of input; false: the end. A line that failed is reported and the talk goes on.
bool handle(Chat& chat, const std::string& typed, bool& failed) {
  const ChatLine line = read_chat_line(typed);
  Result<void> done;
  switch (line.kind) {
    case ChatLine::Kind::kNothing:
      return true;
    case ChatLine::Kind::kQuit:
      return false;
    case ChatLine::Kind::kReset:
      chat.reset();
      break;
    case ChatLine::Kind::kHelp:
      tell(kChatHelp);
      break;
    case ChatLine::Kind::kPictures:
      done = chat.show(line.files);
      break;
    case ChatLine::Kind::kUnknown:
      done = Error{ErrorCode::kInvalidArgument, "unknown command " + line.text, "/help lists them"};
      break;
    case ChatLine::Kind::kQuestion:
      done = chat.ask(line.text);
  }
  if (done.ok()) return true;
  // Whoever pressed Ctrl-C knows why the answer ends.
  if (done.error().code != ErrorCode::kCancelled || !stdin_is_terminal()) report(done.error());
  failed = true;
  return true;
}

void chat(ChatFlags flags) {
  quiet_logs();
  apply_config(flags);
  check_answer_flags(flags);
  if (std::find(flags.files.begin(), flags.files.end(), "-") != flags.files.end())
    throw ExitError{2, "chat reads its questions from standard input, no picture",
                    "give the picture as a file"};
  const auto pictures = read_images(flags.files, flags.defaults.pictures);
  if (!pictures.ok()) fail(pictures.error());
  const auto model = load_answering(flags);

  Chat talk(flags, *model);
  for (const NamedImage& picture : *pictures) talk.add(picture);
  const bool person = stdin_is_terminal();
  if (person) tell("/help lists the commands, /quit ends.\n");
  LineHistory history(flags.no_history || !person ? std::nullopt : history_file());
  LineEditor editor("> ", history, complete_chat_line);
  bool failed = false;
  int interrupts = 0;  // one after the other
  std::string line;
  for (;;) {
    // Where lines are edited Ctrl-C never ends the chat, not even just before an answer begins.
    std::optional<CatchInterrupt> interrupt;
    if (editor.edits()) interrupt.emplace();
    const LineEditor::Read read = editor.read(line);
    if (read == LineEditor::Read::kInterrupted) {
      tell(++interrupts > 1 ? "^C (Ctrl-D or /quit ends)\n" : "^C\n");
      continue;
    }
    interrupts = 0;
    if (read == LineEditor::Read::kEnd) {
      if (person) tell("\n");
      break;
    }
    if (!interrupt) interrupt.emplace();
    if (!handle(talk, line, failed)) break;
  }
  // A person has seen what failed; a script asks for the status.
  if (failed && !person) throw ExitError{1, "some lines failed", ""};
}

}  // namespace

void add_chat(CLI::App& app) {
  auto flags = std::make_shared<ChatFlags>();
  CLI::App& verb = *app.add_subcommand("chat", "Talk about pictures, several turns");
  verb.add_option("images", flags->files, "Pictures (files, data: or file: URIs)")
      ->option_text("[IMAGE...]");
  verb.footer(std::string("Each line of standard input is a question, or:\n") + kChatHelp);
  add_examples(verb, {"ocellus chat photo.jpg"});
  add_answer_flags(verb, *flags);
  verb.add_flag("--no-history", flags->no_history,
                "Do not keep what is typed in $XDG_STATE_HOME/ocellus/history (~/.local/state)");
  verb.callback([flags] { chat(*flags); });
}

}  // namespace oc
