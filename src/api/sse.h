// Server-sent events as OpenAI's clients read them: `data:` lines only. An `event:` or `retry:`
// line breaks openai-python; a comment keeps the connection alive and is skipped by every client.
#pragma once

#include <string>
#include <string_view>

namespace oc {

inline constexpr std::string_view kSsePing = ": ping\n\n";
// What stands around an event's JSON, which has no raw line breaks (no JSON serializer writes
// them).
inline constexpr std::string_view kSseBegin = "data: ", kSseEnd = "\n\n";

// Nobody's event: clients leave it out, but for those that look for it. No line breaks in it.
inline void append_sse_comment(std::string& out, std::string_view text) {
  out += ": ";
  out += text;
  out += kSseEnd;
}

inline void append_sse_event(std::string& out, std::string_view json) {
  out += kSseBegin;
  out += json;
  out += kSseEnd;
}

}  // namespace oc
