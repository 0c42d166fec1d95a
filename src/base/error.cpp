#include "base/error.h"

namespace oc {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kTooLarge:
      return "too_large";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kContextLength:
      return "context_length_exceeded";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kQueueFull:
      return "queue_full";
    case ErrorCode::kMemoryFull:
      return "memory_full";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kDeadline:
      return "deadline_exceeded";
    case ErrorCode::kSuperseded:
      return "superseded";
    case ErrorCode::kUnauthenticated:
      return "unauthenticated";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

std::string Error::describe() const { return hint.empty() ? message : message + " (" + hint + ")"; }

Error out_of_memory() {
  return {ErrorCode::kUnavailable, "out of memory", "try again later, or with a smaller request"};
}

std::string shown_key(std::string_view key) {
  constexpr std::size_t kMax = 64;
  std::string out(key.substr(0, kMax));
  for (char& c : out)
    if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') c = '?';
  return key.size() > kMax ? out + "..." : out;
}

}  // namespace oc
