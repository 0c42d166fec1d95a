#include "api/openai/plan_response.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <optional>

#include "base/number_text.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

json::value number_or_null(const std::optional<double>& number) {
  if (!number) return nullptr;
  return three_decimals(*number);
}

}  // namespace

std::string plan_response_json(const std::string& model, const RequestPlan& plan,
                               std::string_view warning) {
  json::array images;
  for (const PlannedImage& image : plan.images) {
    json::object one = plan_json_of_answer(image.plan);
    one["views"] = image.plan.views;
    one["cached"] = image.encoded;
    images.push_back(std::move(one));
  }
  json::object out;
  out["object"] = "images.plan";
  out["model"] = model;
  out["images"] = std::move(images);
  out["usage"] = {{"prompt_tokens", plan.prompt_tokens},
                  {"prompt_tokens_details",
                   {{"cached_tokens", plan.cached_tokens}, {"image_tokens", plan.image_tokens}}}};
  out["max_tokens"] = plan.max_tokens;
  out["cached"] = plan.answered;
  out["requests_ahead"] = plan.ahead;
  out["expected"] = {
      {"first_token_seconds", number_or_null(seconds_to_first_token(plan))},
      {"views", plan.views_left},
      {"seconds_per_view", number_or_null(plan.speed.seconds_per_view)},
      {"prefill_tokens_per_second", number_or_null(plan.speed.prefill_tokens_per_second)},
      {"decode_tokens_per_second", number_or_null(plan.speed.decode_tokens_per_second)}};
  if (!warning.empty()) out["warning"] = warning;
  return json_text(out);
}

}  // namespace oc
