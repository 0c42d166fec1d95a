// Errors that input can cause, as values. Our own mistakes are OC_CHECK (check.h).
#pragma once

#include <string>
#include <string_view>

namespace oc {

// What went wrong, coarse enough to act on. api/errors is the only place that maps these to HTTP.
enum class ErrorCode {
  kInvalidArgument,  // a value that can never work
  kNotFound,         // a file, model or image that is not there
  kUnsupported,      // understood, but not something we do (format, parameter)
  kTooLarge,         // over a limit (bytes, pixels, count)
  kCorrupt,          // data that contradicts itself (truncated, lying header)
  kContextLength,    // prompt + answer do not fit the model
  kUnavailable,      // not ready yet, or going away
  kQueueFull,        // try again later
  kMemoryFull,       // likewise: other requests hold what there is
  kCancelled,        // the client went away
  kDeadline,         // out of time
  kSuperseded,       // a newer frame of the same stream came
  kUnauthenticated,  // missing or wrong API key
  kInternal,         // our mistake
};

// The name as it stands in JSON and logs, e.g. "invalid_argument".
std::string_view to_string(ErrorCode code);

// message: what was wrong, naming file, tensor, field and both values where they exist.
// hint: what to do about it; may be empty. param: the request field it is about; may be empty.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string hint = {};
  std::string param = {};

  // "message (hint)": for a terminal or a log line.
  std::string describe() const;
};

// kUnavailable, of a request for which the process has no memory left.
Error out_of_memory();

// A client's key as it may stand in a path ("logit_bias.5"), in a message or in param: printable
// ASCII without quotes, others become "?"; at most 64 bytes of it.
std::string shown_key(std::string_view key);

}  // namespace oc
