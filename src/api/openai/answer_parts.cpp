#include "api/openai/answer_parts.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <iterator>
#include <utility>

#include "api/logprobs_json.h"
#include "api/timings_json.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

json::object usage_object(const GenerateResult& result) {
  json::object usage;
  usage["prompt_tokens"] = result.prompt_tokens;
  usage["completion_tokens"] = result.completion_tokens;
  usage["total_tokens"] = result.prompt_tokens + result.completion_tokens;
  json::object details;
  details["cached_tokens"] = result.cached_tokens;
  details["image_tokens"] = result.image_tokens;
  usage["prompt_tokens_details"] = std::move(details);
  return usage;
}

json::object head_object(const AnswerHead& head, std::string_view object) {
  json::object out;
  out["id"] = head.id;
  out["object"] = object;
  out["created"] = head.created;
  out["model"] = head.model;
  out["system_fingerprint"] = head.system_fingerprint;
  return out;
}

}  // namespace

AnswerHead make_answer_head(const ServedModel& model, std::string id, std::int64_t created) {
  return {std::move(id), created, model.name, "fp_" + model.fingerprint.substr(0, 12), {}};
}

std::string head_json(const AnswerHead& head, std::string_view object) {
  return json_text(head_object(head, object));
}

std::string completion_usage_json(const GenerateResult& result) {
  return json_text(usage_object(result));
}

std::string usage_chunk_json(const AnswerHead& head, std::string_view object,
                             const GenerateResult& result) {
  json::object out = head_object(head, object);
  out["choices"] = json::array();
  out["usage"] = usage_object(result);
  return json_text(out);
}

// One more field at the end of a serialized object that has some already.
std::string with_field(std::string object, std::string_view name, std::string_view json) {
  object.back() = ',';
  fmt::format_to(std::back_inserter(object), "\"{}\":", name);
  object += json;
  object += '}';
  return object;
}

std::string completion_details_json(const GenerateResult& result) {
  json::array images;
  for (const ImagePlan& plan : result.images) images.push_back(plan_json_of_answer(plan));
  json::object details;
  details["images"] = std::move(images);
  details["stop_cause"] = to_string(result.stop_cause);
  if (result.stop_string) details["stop_string"] = *result.stop_string;
  details["seed"] = result.seed;
  if (!result.scores.empty()) details["choices"] = scores_json(result.scores);
  if (result.drafted_tokens > 0) {
    details["drafted_tokens"] = result.drafted_tokens;
    details["accepted_tokens"] = result.accepted_tokens;
  }
  return with_field(json_text(details), "timings", json_text(timings_json(result.timings)));
}

}  // namespace oc
