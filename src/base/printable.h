// Text that came from outside (a file, a model, a server, a client) as a terminal and a log may
// show it: what moves the cursor, ends a line or turns the direction of writing is spelled out,
// "\u001b", and so are bytes that are no UTF-8, "\ufffd".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace oc {

enum class Lines {
  kOne,   // a name, a value
  kMany,  // newlines and tabs stay as they are
};

// Spelled out are C0, DEL and C1 (U+009B is what ESC [ is), the line and paragraph separators, and
// the embeddings, overrides and isolates of bidirectional text. JSON stays the same JSON.
std::string printable(std::string_view text, Lines lines);

// Inside double quotes, on one line: quotes and backslashes are escaped too. A JSON string.
std::string printable_in_quotes(std::string_view text);

// At most so many bytes of it, whole characters, and … where there is more.
std::string shortened(std::string_view text, std::size_t max_bytes);

// A short form of what somebody else wrote, for a message: in quotes, control characters as \x1B,
// cut after 60 bytes.
std::string excerpt(std::string_view text);
// Likewise the name of a file or tensor, as a JSON string, cut after 200 bytes.
std::string shown_name(std::string_view text);

}  // namespace oc
