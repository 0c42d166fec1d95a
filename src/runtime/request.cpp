#include "runtime/request.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/utf8.h"

namespace oc {
namespace {

bool is_utf8(std::string_view text) {
  Utf8Checker checker;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return checker.feed(static_cast<std::uint8_t>(c)); }) &&
         checker.complete();
}

}  // namespace

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
  }
  return "stop";
}

std::string_view to_string(StopCause cause) {
  switch (cause) {
    case StopCause::kStopToken:
      return "stop_token";
    case StopCause::kStopString:
      return "stop_string";
    case StopCause::kMaxTokens:
      return "max_tokens";
    case StopCause::kContextFull:
      return "context_full";
  }
  return "stop_token";
}

Result<void> check_request(const GenerateRequest& request) {
  OC_RETURN_IF_ERROR(check_sampling(request.sampling));
  if (request.max_tokens && *request.max_tokens < 1)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("max_tokens is {}, it must be at least 1", *request.max_tokens), "",
                 "max_tokens"};
  if (request.draft_tokens < 0 || request.draft_tokens > 15)
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("draft_tokens is {}, it must be from 0 (off) to 15", request.draft_tokens), "",
        "draft_tokens"};
  for (std::size_t i = 0; i < request.stop.size(); ++i)
    if (!is_utf8(request.stop[i]))
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("stop string {} is not valid UTF-8", i + 1), "", "stop"};
  for (const RequestImage& picture : request.images)
    OC_CHECK(picture.image != nullptr, "a request's picture without pixels");
  return {};
}

}  // namespace oc
