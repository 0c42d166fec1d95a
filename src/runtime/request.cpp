#include "runtime/request.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"

namespace oc {
namespace {

// Choices are scored, not drawn: what has to do with drawing would be ignored.
Result<void> check_scoring(const GenerateRequest& request) {
  const SamplingParams& s = request.sampling;
  const std::pair<bool, std::string_view> unfit[] = {
      {request.n != 1, "n"},
      {request.logprobs, "logprobs"},
      {!request.stop.empty(), "stop"},
      {request.json_schema.has_value(), "response_format"},
      {request.draft_tokens != 0, "draft_tokens"},
      {s.temperature != 0, "temperature"},
      {s.repetition_penalty != 1, "repetition_penalty"},
      {s.presence_penalty != 0, "presence_penalty"},
      {s.frequency_penalty != 0, "frequency_penalty"},
      {!s.logit_bias.empty(), "logit_bias"}};
  for (const auto& [given, name] : unfit)
    if (given)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} has no effect when choices are scored", name),
                   "leave one of the two out", std::string(name)};
  for (std::size_t i = 0; i < request.choices.size(); ++i)
    if (request.choices[i].empty() || !is_utf8(request.choices[i]))
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("choice {} is empty or not valid UTF-8", i + 1), "",
                   fmt::format("choices[{}]", i)};
  return {};
}

// Objects are found greedily, and have no text.
Result<void> check_objects(const GenerateRequest& request) {
  const SamplingParams& s = request.sampling;
  const std::pair<bool, std::string_view> unfit[] = {
      {request.n != 1, "n"},
      {request.logprobs, "logprobs"},
      {!request.stop.empty(), "stop"},
      {!request.choices.empty(), "choices"},
      {request.json_schema.has_value(), "response_format"},
      {request.draft_tokens != 0, "draft_tokens"},
      {s.temperature != 0, "temperature"},
      {s.repetition_penalty != 1, "repetition_penalty"},
      {s.presence_penalty != 0, "presence_penalty"},
      {s.frequency_penalty != 0, "frequency_penalty"},
      {!s.logit_bias.empty(), "logit_bias"}};
  for (const auto& [given, name] : unfit)
    if (given)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} has no effect when objects are found", name), "leave it out",
                   std::string(name)};
  return {};
}

Result<void> check_one_image(const GenerateRequest& request) {
  if (request.images.size() == 1) return {};
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("{} is about one picture, there are {}", name_of(*request.task),
                           request.images.size()),
               "", "image"};
}

Result<void> check_choices(const GenerateRequest& request) {
  if (request.n < 1)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("n is {}, it must be at least 1", request.n), "", "n"};
  if (request.top_logprobs < 0 || request.top_logprobs > 20)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("top_logprobs is {}, it must be 0 to 20", request.top_logprobs), "",
                 "top_logprobs"};
  return request.choices.empty() ? Result<void>() : check_scoring(request);
}

// Which of the pictures are frames of a video.
std::vector<bool> frames_among(const GenerateRequest& request) {
  std::vector<bool> is_frame(request.images.size(), false);
  for (const Message& message : request.messages)
    for (const Part& part : message.parts)
      if (const auto* frames = std::get_if<FramesPart>(&part))
        for (int i = frames->first; i < frames->first + frames->count; ++i) {
          OC_CHECK(i >= 0 && i < std::ssize(request.images), "there is no picture {}", i);
          is_frame[static_cast<std::size_t>(i)] = true;
        }
  return is_frame;
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

std::string_view to_string(AnswerPhase phase) {
  switch (phase) {
    case AnswerPhase::kDecoding:
      return "decoding";
    case AnswerPhase::kPreparing:
      return "preparing";
    case AnswerPhase::kQueued:
      return "queued";
    case AnswerPhase::kEncoding:
      return "encoding";
    case AnswerPhase::kPrefill:
      return "prefill";
    case AnswerPhase::kAnswering:
      break;
  }
  return "answering";
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
    case StopCause::kMaxObjects:
      return "max_objects";
  }
  return "stop_token";
}

FinishReason finish_reason_of(StopCause cause) {
  switch (cause) {
    case StopCause::kStopToken:
    case StopCause::kStopString:
      return FinishReason::kStop;
    case StopCause::kMaxTokens:
    case StopCause::kContextFull:
    case StopCause::kMaxObjects:
      return FinishReason::kLength;
  }
  return FinishReason::kStop;
}

Result<void> check_request(const GenerateRequest& request) {
  OC_RETURN_IF_ERROR(check_sampling(request.sampling));
  if (request.max_tokens && *request.max_tokens < 0)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("max_tokens is {}, it must be at least 0", *request.max_tokens), "",
                 "max_tokens"};
  if (request.draft_tokens < 0 || request.draft_tokens > 15)
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("draft_tokens is {}, it must be from 0 (off) to 15", request.draft_tokens), "",
        "draft_tokens"};
  if (request.task) OC_RETURN_IF_ERROR(check_one_image(request));
  if (request.task && finds_objects(*request.task)) OC_RETURN_IF_ERROR(check_objects(request));
  OC_RETURN_IF_ERROR(check_choices(request));
  for (std::size_t i = 0; i < request.stop.size(); ++i)
    if (!is_utf8(request.stop[i]))
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("stop string {} is not valid UTF-8", i + 1), "", "stop"};
  for (const RequestImage& picture : request.images)
    OC_CHECK(picture.image != nullptr, "a request's picture without pixels");
  return {};
}

Result<std::vector<ImagePlan>> plan_images(const Model& model, const GenerateRequest& request) {
  const auto valid = knob_values(model.info().knobs, {.request_knobs = request.image_knobs});
  if (!valid.ok()) return valid.error();
  const std::optional<FrameRules>& rules = model.info().frames;
  OC_RETURN_IF_ERROR(check_frames(rules, model.info().architecture, request.messages));
  const std::vector<bool> is_frame = frames_among(request);
  std::vector<ImagePlan> plans;
  for (const RequestImage& picture : request.images) {
    ImageOptions options = picture.options;
    options.request_knobs = request.image_knobs;
    if (is_frame[plans.size()]) options = {.knobs = rules->knobs};
    OC_ASSIGN_OR_RETURN(ImagePlan plan,
                        model.plan_image(picture.image->width, picture.image->height, options));
    plans.push_back(std::move(plan));
  }
  return plans;
}

}  // namespace oc
