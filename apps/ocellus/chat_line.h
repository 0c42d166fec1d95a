// What a line means that is typed in `ocellus chat`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "line_editor.h"

namespace oc {

struct ChatLine {
  enum class Kind { kNothing, kQuestion, kPictures, kReset, kHelp, kQuit, kUnknown };
  Kind kind = Kind::kNothing;
  std::string text = {};                // the question, or the command that nobody knows
  std::vector<std::string> files = {};  // pictures, one of which may not be there
};

extern const char* const kChatHelp;

// A command (/image FILE, /reset, …), or pictures as they are dropped on a terminal or typed: in
// quotes, with backslashes or spaces, as file: URIs; names that end as pictures' do are pictures,
// there or not. Else a question.
ChatLine read_chat_line(std::string_view line);

// Commands, and paths where a picture may stand.
Completion complete_chat_line(std::string_view before);

}  // namespace oc
