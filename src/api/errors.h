// What a client is told when something fails: the only place where a failure becomes an HTTP
// status. How it is written is the dialect's.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace oc {

struct ApiError {
  int status = 500;
  std::string type;        // "invalid_request_error", "server_error", …
  std::string code;        // machine readable: "context_length_exceeded", …
  std::string message;     // for people; never a path, an address or a library's own text
  std::string param = {};  // the field it is about; empty: null on the wire
  int retry_after_s = 0;   // > 0: the client may come back after so many seconds
  bool final = false;      // clients are told not to send the request again
};

// Where an Error arose: the same code means different things in a field, a picture, an answer, at a
// hub, and where a picture is got from elsewhere.
enum class Stage { kRequest, kImage, kAnswer, kPull, kFetch };

// kInternal keeps its text to itself (the log has it).
ApiError to_api_error(const Error& error, Stage stage);

// What goes wrong in HTTP itself, before a request reaches the runtime.
enum class Refusal {
  kMalformed,            // 400
  kMissingKey,           // 401
  kWrongKey,             // 401
  kHostNotAllowed,       // 403
  kOriginNotAllowed,     // 403
  kNotAdmin,             // 403: a key that may ask, not change
  kNoSuchRoute,          // 404
  kNoPull,               // 404: none is under way
  kNoSuchAnswer,         // 404: none of this id is kept, or it is another client's
  kMethodNotAllowed,     // 405
  kTimeout,              // 408
  kPullUnderWay,         // 409: one at a time
  kLengthRequired,       // 411
  kBodyTooLarge,         // 413
  kNotJson,              // 415
  kContentCoding,        // 415
  kExpectationFailed,    // 417
  kBusy,                 // 429: out of memory set aside for requests
  kHeaderTooLarge,       // 431
  kInternal,             // 500
  kNotWritten,           // 500: the configuration file does not take the change
  kTransferCoding,       // 501
  kNotImplemented,       // 501: a route of the original that this program does without
  kNotReady,             // 503
  kTooManyConnections,   // 503
  kShuttingDown,         // 503
  kVersionNotSupported,  // 505
};
ApiError refuse(Refusal refusal, std::string message, std::string param = {});

}  // namespace oc
