#include "api/moondream/task_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "api/check_rows.h"
#include "api/json_fields.h"
#include "api/parse_body.h"
#include "api/request_images.h"

namespace oc {
namespace {

constexpr std::string_view kSettings = "settings.";

Error missing(std::string_view name, std::string hint = {}) {
  return {ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", name), std::move(hint),
          std::string(name)};
}

struct Parser {
  const MoondreamRoute route;
  const ChatLimits& limits;
  ChatRequest request = {};

  const RequestField& row(std::string_view name) const { return moondream_field(route, name); }

  Result<std::string> text(const JsonFields& fields, std::string_view name) const {
    OC_ASSIGN_OR_RETURN(const auto found, fields.string(row(name)));
    if (!found) return missing(name);
    return std::string(*found);
  }

  Result<void> image(const JsonFields& fields) {
    OC_ASSIGN_OR_RETURN(const auto uri, fields.string(row("image_url")));
    if (!uri)
      return missing("image_url", R"(one picture: "image_url": "data:image/...;base64,...")");
    if (limits.max_images == 0) return too_many_images(limits, "image_url");
    return add_image(request, *uri, "image_url", {}, limits);
  }

  // How text is drawn; an object is always where the model finds it likeliest.
  Result<void> sampling(const JsonFields& settings) {
    OC_ASSIGN_OR_RETURN(request.sampling.temperature, settings.number(row("settings.temperature")));
    OC_ASSIGN_OR_RETURN(request.sampling.top_p, settings.number(row("settings.top_p")));
    // "Nothing but the most likely token": the smallest p says the same.
    if (request.sampling.top_p == 0) request.sampling.top_p = std::numeric_limits<double>::min();
    return check_sampling(sampling_of(request.sampling, {}));
  }

  Result<void> length(const JsonFields& settings) {
    OC_ASSIGN_OR_RETURN(const auto max_tokens, settings.integer(row("settings.max_tokens")));
    if (max_tokens) request.generate.max_tokens = static_cast<int>(*max_tokens);
    return {};
  }

  Result<Task> objects(const JsonFields& fields, const std::optional<JsonFields>& settings) const {
    OC_ASSIGN_OR_RETURN(std::string object, text(fields, "object"));
    int most = kMaxObjects;
    if (settings) {
      OC_ASSIGN_OR_RETURN(const auto wanted, settings->integer(row("settings.max_objects")));
      if (wanted) most = static_cast<int>(*wanted);
    }
    if (route == MoondreamRoute::kDetect) return Task(DetectTask{std::move(object), most});
    return Task(PointTask{std::move(object), most});
  }

  Result<Task> words(const JsonFields& fields) {
    OC_ASSIGN_OR_RETURN(const auto stream, fields.boolean(row("stream")));
    request.stream = stream.value_or(false);
    if (route == MoondreamRoute::kQuery) {
      OC_ASSIGN_OR_RETURN(std::string question, text(fields, "question"));
      return Task(QueryTask{std::move(question)});
    }
    OC_ASSIGN_OR_RETURN(const auto length, fields.string(row("length")));
    return Task(CaptionTask{
        caption_length_from_string(length.value_or("normal")).value_or(CaptionLength::kNormal)});
  }

  Result<ChatRequest> parse(const JsonFields& fields) {
    const bool has_objects = route == MoondreamRoute::kDetect || route == MoondreamRoute::kPoint;
    request.names.call("max_tokens", "settings.max_tokens");
    request.names.call("messages", has_objects                       ? "object"
                                   : route == MoondreamRoute::kQuery ? "question"
                                                                     : "image_url");
    OC_RETURN_IF_ERROR(check_rows(fields, moondream_fields(route), request.without_effect));
    OC_ASSIGN_OR_RETURN(const auto settings, fields.object(row("settings")));
    request.generate.may_set_knobs = false;
    OC_ASSIGN_OR_RETURN(const auto model, fields.string(row("model")));
    request.model = std::string(model.value_or(""));
    if (settings) {
      OC_RETURN_IF_ERROR(
          check_rows(*settings, moondream_fields(route), request.without_effect, kSettings));
      OC_RETURN_IF_ERROR(length(*settings));
      if (!has_objects) OC_RETURN_IF_ERROR(sampling(*settings));
    }
    OC_ASSIGN_OR_RETURN(request.generate.task,
                        has_objects ? objects(fields, settings) : words(fields));
    OC_RETURN_IF_ERROR(image(fields));
    return std::move(request);
  }
};

}  // namespace

Result<ChatRequest> parse_task_request(MoondreamRoute route, std::string_view body,
                                       const ChatLimits& limits) {
  return parse_body(body, limits, [&](const JsonFields& fields) {
    return Parser{route, limits}.parse(fields);
  });
}

Result<ChatRequest> parse_task_request(MoondreamRoute route, std::string&& body,
                                       const ChatLimits& limits, Reservation& memory) {
  return parse_body(std::move(body), limits, memory, [&](const JsonFields& fields) {
    return Parser{route, limits}.parse(fields);
  });
}

}  // namespace oc
