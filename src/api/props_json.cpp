#include "api/props_json.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

// What a request gets that does not say otherwise, by llama.cpp's names.
json::object params_of(const RequestDefaults& defaults) {
  const SamplingParams& sampling = defaults.sampling;
  json::object out;
  out["temperature"] = sampling.temperature;
  out["top_k"] = sampling.top_k;
  out["top_p"] = sampling.top_p;
  out["min_p"] = sampling.min_p;
  out["repeat_penalty"] = sampling.repetition_penalty;
  out["presence_penalty"] = sampling.presence_penalty;
  out["frequency_penalty"] = sampling.frequency_penalty;
  out["max_tokens"] = defaults.max_tokens_cap.value_or(-1);
  out["n_predict"] = out["max_tokens"];
  out["stop"] = json::array(defaults.stop.begin(), defaults.stop.end());
  return out;
}

}  // namespace

std::string props_json(const ServedModel& model, std::string_view version) {
  json::object settings;
  settings["n_ctx"] = model.context_length;
  settings["params"] = params_of(model.defaults);
  json::object out;
  out["default_generation_settings"] = std::move(settings);
  out["total_slots"] = 1;  // that a client could name: none are told apart
  out["model_alias"] = model.name;
  out["model_path"] = model.name;  // folders do not show
  out["modalities"] = json::object{{"vision", true}, {"audio", false}};
  out["chat_template"] = "";  // the server writes the prompt
  out["build_info"] = fmt::format("ocellus {}", version);
  return json_text(out);
}

}  // namespace oc
