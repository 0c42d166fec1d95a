// Reads the lines that a person types.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "line_history.h"

namespace oc {

// What may stand behind the text up to the cursor, in place of its last `replaced` bytes.
struct Completion {
  std::size_t replaced = 0;
  std::vector<std::string> words = {};
};
using Complete = std::function<Completion(std::string_view before)>;

// With a cursor, history and completion where the program was built with libedit and standard input
// and error are a terminal that can be drawn on; as the lines come otherwise. One at a time; while
// it reads, Ctrl-C is a key like others. The locale's letters become UTF-8 for the whole process.
class LineEditor {
 public:
  enum class Read { kLine, kInterrupted, kEnd };  // interrupted: by Ctrl-C, the line is given up

  // All outlive it. No prompt is shown where standard input is no terminal.
  LineEditor(std::string prompt, LineHistory& history, Complete complete);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // Without its newline. Lines that were pasted together are one, as the terminal tells.
  Read read(std::string& line);
  bool edits() const { return edited_ != nullptr; }

 private:
  class Edited;
  std::string prompt_;
  LineHistory& history_;
  std::unique_ptr<Edited> edited_;  // null: lines as they come
};

bool has_line_editing();  // in this build

}  // namespace oc
