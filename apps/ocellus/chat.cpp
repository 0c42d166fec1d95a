// ocellus chat IMAGE...: several turns about pictures, line by line from standard input.
#include <iostream>
#include <memory>

#include "answer_config.h"
#include "runtime/serving/generate.h"
#include "terminal.h"

namespace oc {
namespace {

constexpr const char* kHelp =
    "/image FILE  show a picture with the next question (or drop it here: its name alone)\n"
    "/reset       forget the turns, keep the pictures\n"
    "/quit        end (also: end of input)\n";

struct ChatFlags : AnswerFlags {
  std::vector<std::string> files;
};

// The conversation so far. Pictures wait until the next question takes them along.
class Chat {
 public:
  Chat(const AnswerFlags& flags, const LoadedModel& model)
      : flags_(flags), model_(model), request_(make_request(flags)) {}

  void add(const NamedImage& picture) { request_.images.push_back(request_image(flags_, picture)); }

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
  }

  // Streams the answer. A turn that failed or was interrupted is forgotten; its pictures wait on.
  Result<void> ask(const std::string& question) {
    const std::size_t placed_before = placed_;
    Message& turn = request_.messages.emplace_back();
    while (placed_ < request_.images.size())
      turn.parts.emplace_back(ImagePart{static_cast<int>(placed_++)});
    turn.parts.emplace_back(TextPart{question});
    finish_request(flags_, *model_.model, request_);

    const CatchInterrupt interrupt;
    const GenerateHooks hooks{.on_piece = [](const AnswerPiece& piece) { show_answer(piece.text); },
                              .cancelled = &CatchInterrupt::caught};
    const auto result = generate(*model_.model, request_, hooks);
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
};

void report(const Error& error) {
  tell_line("error: " + error.message);
  if (!error.hint.empty()) tell_line("hint: " + error.hint);
}

// One line of input; false: the end. A line that failed is reported and the talk goes on.
bool handle(Chat& chat, const std::string& line, bool& failed) {
  Result<void> done;
  if (line == "/quit" || line == "/exit") return false;
  if (line.empty()) return true;
  if (line == "/reset") {
    chat.reset();
  } else if (line == "/help") {
    tell(kHelp);
  } else if (line.starts_with("/image ")) {
    const std::string rest = line.substr(7);
    const std::vector<std::string> dropped = dropped_images(rest);
    done = chat.show(dropped.empty() ? std::vector{rest} : dropped);
  } else if (const auto dropped = dropped_images(line); !dropped.empty()) {
    done = chat.show(dropped);
  } else if (line.starts_with("/")) {
    done = Error{ErrorCode::kInvalidArgument, "unknown command " + line, "/help lists them"};
  } else {
    done = chat.ask(line);
  }
  if (!done.ok()) {
    report(done.error());
    failed = true;
  }
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
  bool failed = false;
  std::string line;
  for (;;) {
    if (person) tell("> ");
    if (!std::getline(std::cin, line) || !handle(talk, line, failed)) break;
  }
  // A person has seen what failed; a script asks for the status.
  if (failed && !person) throw ExitError{1, "some lines failed", ""};
}

}  // namespace

void add_chat(CLI::App& app) {
  auto flags = std::make_shared<ChatFlags>();
  CLI::App& verb = *app.add_subcommand("chat", "Talk about pictures, several turns");
  verb.add_option("images", flags->files, "Picture files (JPEG, PNG, WebP)")
      ->option_text("[IMAGE...]");
  verb.footer(std::string("Each line of standard input is a question, or:\n") + kHelp);
  add_answer_flags(verb, *flags);
  verb.callback([flags] { chat(*flags); });
}

}  // namespace oc
