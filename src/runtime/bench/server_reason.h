// What a server of whatever make says where it does not answer.
#pragma once

#include <string>
#include <string_view>

namespace oc {

// The message in an error's body: of OpenAI's error object, of an "error", "message" or "detail"
// that is a text, else the body itself where it is plain text; on one line, shortened. Empty: it
// says nothing that people could read, as a page.
std::string server_reason(std::string_view body);

}  // namespace oc
