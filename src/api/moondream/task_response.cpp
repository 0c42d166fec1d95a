#include "api/moondream/task_response.h"

#include <boost/json/object.hpp>
#include <utility>

#include "api/chat_request.h"
#include "api/objects_json.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

// Why it ended, how many tokens it took, and what is to be known of it.
void add_details(json::object& out, const GenerateResult& result, std::string_view warning) {
  out["finish_reason"] = to_string(result.finish_reason);
  out["stop_cause"] = to_string(result.stop_cause);
  json::object usage;
  usage["prompt_tokens"] = result.prompt_tokens;
  usage["image_tokens"] = result.image_tokens;
  usage["cached_tokens"] = result.cached_tokens;
  usage["completion_tokens"] = result.completion_tokens;
  out["usage"] = std::move(usage);
  const std::string told = warning_with(warning, result);
  if (!told.empty()) out["warning"] = told;
}

}  // namespace

std::string task_answer_json(MoondreamRoute route, std::string_view id,
                             const GenerateResult& result, std::string_view warning) {
  json::object out;
  out["request_id"] = id;
  switch (route) {
    case MoondreamRoute::kQuery:
      out["answer"] = result.text;
      break;
    case MoondreamRoute::kCaption:
      out["caption"] = result.text;
      break;
    case MoondreamRoute::kDetect:
      out["objects"] = objects_json(result.objects);
      break;
    case MoondreamRoute::kPoint:
      out["points"] = objects_json(result.objects);
      out["count"] = result.objects.size();
      break;
  }
  add_details(out, result, warning);
  return json_text(out);
}

std::string task_chunk_json(std::string_view id, std::string_view text) {
  std::string out = R"({"chunk":)";
  out += json_quoted(text);
  out += R"(,"completed":false,"request_id":)";
  out += json_quoted(id);
  out += '}';
  return out;
}

std::string task_end_json(std::string_view id, const GenerateResult& result,
                          std::string_view warning) {
  json::object out;
  out["chunk"] = "";  // some clients read it of every event
  out["completed"] = true;
  out["request_id"] = id;
  add_details(out, result, warning);
  return json_text(out);
}

}  // namespace oc
