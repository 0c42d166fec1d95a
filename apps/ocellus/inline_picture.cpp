#include "inline_picture.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "base/environment.h"
#include "image/fit.h"
#include "io/base64.h"
#include "terminal.h"

namespace oc {
namespace {

std::optional<std::string> terminal_variable(const char* name) { return environment(name); }

using Variable = std::function<std::optional<std::string>(const char*)>;

bool in_multiplexer(const Variable& variable) {
  const std::string term = variable("TERM").value_or("");
  return variable("TMUX") || variable("STY") || term.starts_with("screen") ||
         term.starts_with("tmux");
}

// tmux passes on what stands in its own sequence, each ESC twice.
std::string passed_on(std::string_view sequence) {
  std::string out = "\x1bPtmux;";
  for (const char c : sequence) {
    if (c == '\x1b') out += c;
    out += c;
  }
  return out + "\x1b\\";
}

}  // namespace

InlineProtocol inline_protocol(const Variable& variable) {
  const std::string term = variable("TERM").value_or(""),
                    program = variable("TERM_PROGRAM").value_or("");
  if (term == "dumb") return InlineProtocol::kNone;
  if (variable("KITTY_WINDOW_ID") || term == "xterm-kitty" || term == "xterm-ghostty" ||
      program == "ghostty")
    return InlineProtocol::kKitty;
  if (program == "iTerm.app" || program == "WezTerm" || program == "mintty" ||
      variable("LC_TERMINAL") == "iTerm2" || variable("ITERM_SESSION_ID"))
    return InlineProtocol::kIterm;
  return InlineProtocol::kNone;
}

std::string inline_sequence(const std::vector<std::byte>& png, InlineProtocol protocol,
                            bool in_tmux) {
  const std::string text = encode_base64(png);
  const auto wrapped = [&](const std::string& one) { return in_tmux ? passed_on(one) : one; };
  if (protocol == InlineProtocol::kIterm)
    return wrapped("\x1b]1337;File=inline=1;size=" + std::to_string(png.size()) + ":" + text +
                   "\a");
  // kitty: parts of at most 4,096 letters; q=2: no answer, which nobody would read.
  constexpr std::size_t kPart = 4096;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += kPart) {
    const bool last = at + kPart >= text.size();
    out += wrapped((at == 0 ? "\x1b_Ga=T,f=100,q=2,m=" : "\x1b_Gm=") +
                   std::string(last ? "0;" : "1;") + text.substr(at, kPart) + "\x1b\\");
  }
  return out;
}

void add_inline_flag(CLI::App& verb, std::string& when) {
  verb.add_option("--inline", when,
                  "Show the picture in the terminal, where it is kitty, iTerm2 or one like them")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str()
      ->group("Output");
}

bool shows_inline(const std::string& when, bool wanted) {
  if (when != "auto") return when == "always";
  return wanted && stdout_is_terminal() && !in_multiplexer(terminal_variable) &&
         inline_protocol(terminal_variable) != InlineProtocol::kNone;
}

void show_inline(Image image) {
  // A letter has about eight pixels; where it has more the picture is smaller than it could be.
  constexpr int kPixelsOfLetter = 8, kMostWidth = 800, kMostHeight = 480;
  const int width = std::min(kMostWidth, stdout_columns() * kPixelsOfLetter);
  const Image shown = fit(std::move(image), {.width = width, .height = kMostHeight});
  InlineProtocol protocol = inline_protocol(terminal_variable);
  if (protocol == InlineProtocol::kNone)
    protocol = InlineProtocol::kKitty;  // always: the most have it
  show_control(inline_sequence(encode_png(shown), protocol, terminal_variable("TMUX").has_value()));
  show("\n");
}

}  // namespace oc
