// The call in an answer that force_call() asked for, as the answer grows: its tool and its
// arguments, for the dialects' ways to write them.
#pragma once

#include <string>
#include <string_view>

#include "api/chat_request.h"

namespace oc {

class CallReader {
 public:
  explicit CallReader(const ForcedCall& call);

  // Some more of the answer's text.
  void add(std::string_view text);

  // Empty: it has not come yet. One of the offered tools', valid as long as this.
  std::string_view tool() const { return tool_; }
  // JSON, as it stands in the answer; all of it only behind the answer's end.
  std::string_view arguments() const { return arguments_; }
  // Whether their last bracket has come.
  bool is_whole() const { return place_ == Place::kBehind; }

 private:
  void read(char c);

  enum class Place { kBefore, kName, kBetween, kArguments, kBehind };
  Place place_;
  std::string tool_, arguments_;
  std::string key_;         // of {"name": …, "arguments": …}, where one is being read
  int depth_ = 0;           // of the arguments' brackets
  bool in_string_ = false;  // of the arguments, or of a key or the name
  bool escaped_ = false;
};

}  // namespace oc
