// What the verbs need of standard input and output.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace oc {

// Where one of them is closed, the next file that is opened would take its place, and be read as
// input or get the log's lines. A file that gives nothing and takes nothing holds the place
// instead.
void hold_standard_files();

bool stdin_is_terminal();
bool stdout_is_terminal();
bool stderr_is_terminal();
// Whether a line on standard error can be drawn over: a terminal that is not TERM=dumb.
bool stderr_redraws();

// All that a verb prints goes through these functions (tests/tools/test_tree.py looks for others),
// so that a name in a model's file or a server's answer cannot drive the terminal: what could is
// spelled out, whether it comes to a terminal now or through a pipe (base/printable.h).

// On standard output; newlines and tabs are kept.
void show(std::string_view text);
// One line, its end is added: newlines in it are spelled out too. JSON stays the same JSON.
void show_line(std::string_view text);
// Text of an answer, at once. It is left as it is where standard output is no terminal: a file gets
// what the model said.
void show_answer(std::string_view text);

// What drives the terminal, as it is: of our own making alone.
void show_control(std::string_view sequence);
// 80 where it is no terminal.
int stdout_columns();
int stderr_columns();

// On standard error, in order with log lines.
void tell(std::string_view text);
void tell_line(std::string_view text);
void tell_dim(std::string_view text);       // one line; dim on a terminal, unless NO_COLOR is set
void tell_in_place(std::string_view text);  // on a terminal, over the line that stands there
void tell_control(std::string_view sequence);  // what drives the terminal, as it is: our own alone

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
  // Sleeps until Ctrl-C, or until `file` can be read or has ended; at once where it was caught
  // before.
  static void wait_to_read(int file);
};

}  // namespace oc
