#include "api/errors.h"

#include <string_view>
#include <utility>

namespace oc {
namespace {

constexpr std::string_view kInvalidRequest = "invalid_request_error";
constexpr std::string_view kServerError = "server_error";

struct Row {
  int status;
  std::string_view type;
  std::string_view code;
  int retry_after_s = 0;
  bool final = false;
};

Row row_of(ErrorCode code, Stage stage) {
  const bool image = stage == Stage::kImage;
  switch (code) {
    case ErrorCode::kCorrupt:
      if (stage == Stage::kPull) return {502, kServerError, "bad_hub"};
      [[fallthrough]];
    case ErrorCode::kInvalidArgument:
      if (stage == Stage::kFetch) return {400, kInvalidRequest, "image_not_fetched"};
      return {400, kInvalidRequest, image ? "invalid_image" : "invalid_value"};
    case ErrorCode::kUnsupported:
      // A picture in a format that is known but not built in is a media type; a parameter is not.
      if (image) return {415, kInvalidRequest, "unsupported_image_format"};
      return {400, kInvalidRequest, "unsupported_parameter"};
    case ErrorCode::kTooLarge:
      if (stage == Stage::kPull) return {502, kServerError, "bad_hub"};
      return {413, kInvalidRequest,
              image || stage == Stage::kFetch ? "image_too_large" : "request_too_large"};
    case ErrorCode::kContextLength:
      return {400, kInvalidRequest, "context_length_exceeded"};
    case ErrorCode::kNotFound:
      return {404, kInvalidRequest, "model_not_found"};
    case ErrorCode::kUnauthenticated:
      // It is the server's own token that the hub does not take, not the client's key.
      if (stage == Stage::kPull) return {403, "permission_error", "hub_refused"};
      return {401, "authentication_error", "invalid_api_key"};
    case ErrorCode::kQueueFull:
      return {429, "rate_limit_error", "queue_full", 2};
    case ErrorCode::kMemoryFull:
      return {429, "rate_limit_error", "memory_full", 2};
    case ErrorCode::kUnavailable:
      return {503, kServerError, "unavailable", 5};
    case ErrorCode::kDeadline:
      return {504, kServerError, "deadline_exceeded"};
    case ErrorCode::kSuperseded:
      // OpenAI's SDKs send a 409 again; the old frame would then come behind the newer one.
      return {410, "request_superseded", "superseded", 0, true};
    case ErrorCode::kCancelled:
      return {499, "request_cancelled", "cancelled"};
    case ErrorCode::kInternal:
      break;
  }
  return {500, kServerError, "internal_error"};
}

Row row_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kMalformed:
      return {400, kInvalidRequest, "malformed_request"};
    case Refusal::kMissingKey:
      return {401, "authentication_error", "missing_api_key"};
    case Refusal::kWrongKey:
      return {401, "authentication_error", "invalid_api_key"};
    case Refusal::kHostNotAllowed:
      return {403, "permission_error", "host_not_allowed"};
    case Refusal::kOriginNotAllowed:
      return {403, "permission_error", "origin_not_allowed"};
    case Refusal::kNotAdmin:
      return {403, "permission_error", "admin_key_required"};
    case Refusal::kNoSuchRoute:
      return {404, kInvalidRequest, "unknown_url"};
    case Refusal::kNoPull:
      return {404, kInvalidRequest, "no_pull_under_way"};
    case Refusal::kNoSuchAnswer:
      return {404, kInvalidRequest, "response_not_found"};
    case Refusal::kMethodNotAllowed:
      return {405, kInvalidRequest, "method_not_allowed"};
    case Refusal::kTimeout:
      return {408, kInvalidRequest, "request_timeout"};
    case Refusal::kPullUnderWay:
      // OpenAI's SDKs would send a 409 again.
      return {409, kInvalidRequest, "pull_under_way", 0, true};
    case Refusal::kLengthRequired:
      return {411, kInvalidRequest, "length_required"};
    case Refusal::kBodyTooLarge:
      return {413, kInvalidRequest, "request_too_large"};
    case Refusal::kNotJson:
      return {415, kInvalidRequest, "unsupported_content_type"};
    case Refusal::kContentCoding:
      return {415, kInvalidRequest, "unsupported_content_encoding"};
    case Refusal::kExpectationFailed:
      return {417, kInvalidRequest, "expectation_failed"};
    case Refusal::kBusy:
      return {429, "rate_limit_error", "memory_full", 2};
    case Refusal::kHeaderTooLarge:
      return {431, kInvalidRequest, "header_too_large"};
    case Refusal::kTransferCoding:
      return {501, kInvalidRequest, "unsupported_transfer_encoding"};
    case Refusal::kNotImplemented:
      return {501, kInvalidRequest, "not_implemented", 0, true};
    case Refusal::kNotReady:
      return {503, kServerError, "model_loading", 2};
    case Refusal::kTooManyConnections:
      return {503, kServerError, "too_many_connections", 2};
    case Refusal::kShuttingDown:
      return {503, kServerError, "shutting_down", 5};
    case Refusal::kVersionNotSupported:
      return {505, kInvalidRequest, "http_version_not_supported"};
    case Refusal::kNotWritten:
      return {500, kServerError, "configuration_not_written"};
    case Refusal::kInternal:
      break;
  }
  return {500, kServerError, "internal_error"};
}

ApiError from_row(const Row& row, std::string message, std::string param) {
  return {row.status,         std::string(row.type), std::string(row.code),
          std::move(message), std::move(param),      row.retry_after_s,
          row.final};
}

}  // namespace

ApiError to_api_error(const Error& error, Stage stage) {
  std::string message =
      error.code == ErrorCode::kInternal
          ? "internal error; the server's log has the details under this request id"
          : error.describe();
  Row row = row_of(error.code, stage);
  // The one thing beside models that a request names.
  if (error.code == ErrorCode::kNotFound && error.param == "previous_response_id")
    row.code = "previous_response_not_found";
  return from_row(row, std::move(message), error.param);
}

ApiError refuse(Refusal refusal, std::string message, std::string param) {
  return from_row(row_of(refusal), std::move(message), std::move(param));
}

}  // namespace oc
