// Pictures within the terminal, by the protocols of kitty and of iTerm2.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include "image/image.h"

namespace oc {

enum class InlineProtocol { kNone, kKitty, kIterm };

// What the terminal understands, by variables such as TERM, TERM_PROGRAM and KITTY_WINDOW_ID; some
// of them come along over ssh. Within tmux or screen: what the terminal around it does.
InlineProtocol inline_protocol(
    const std::function<std::optional<std::string>(const char*)>& variable);

// The sequence that shows a PNG. `in_tmux`: wrapped, for tmux to pass on.
std::string inline_sequence(const std::vector<std::byte>& png, InlineProtocol protocol,
                            bool in_tmux);

// --inline auto|always|never.
void add_inline_flag(CLI::App& verb, std::string& when);

// Whether a picture is to be shown. auto: `wanted`, and standard output is a terminal that can, and
// no tmux or screen, which pass pictures on only where they were told to.
bool shows_inline(const std::string& when, bool wanted);

// On standard output, no larger than the terminal; a newline behind it.
void show_inline(Image image);

}  // namespace oc
