// Server-sent events as OpenAI's clients read them: `data:` lines only. An `event:` or `retry:`
// line breaks openai-python; a comment keeps the connection alive and is skipped by every client.
#pragma once

#include <string>
#include <string_view>

namespace oc::http {

inline constexpr std::string_view kSsePing = ": ping\n\n";
inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";

// `json` has no raw line breaks (no JSON serializer writes them).
inline std::string sse_event(std::string_view json) {
  std::string event = "data: ";
  event += json;
  event += "\n\n";
  return event;
}

}  // namespace oc::http
