// What the verbs need of standard input and output.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace oc {

bool stdin_is_terminal();
bool stdout_is_terminal();
bool stderr_is_terminal();

// Without control characters but newline and tab (C0, DEL, C1): text of a model or a file cannot
// move the cursor or rename the window. `text` is UTF-8.
std::string without_controls(std::string_view text);
// Shows answer text at once; without controls where standard output is a terminal.
void show(std::string_view text);

// All of standard input; kTooLarge past max_bytes.
Result<std::string> read_stdin(std::size_t max_bytes);

// Asks on standard error; true for "y" or "yes". False with no terminal to ask at, unasked.
bool confirmed(const std::string& question);

// Log lines belong to servers: only warnings from here on, unless LOG_LEVEL says otherwise.
void quiet_logs();

// While it lives, the first Ctrl-C only sets a flag; the second ends the program as usual.
class CatchInterrupt {
 public:
  CatchInterrupt();
  ~CatchInterrupt();
  CatchInterrupt(const CatchInterrupt&) = delete;
  CatchInterrupt& operator=(const CatchInterrupt&) = delete;
  static bool caught();
};

}  // namespace oc
