#include "api/openai/guidance.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "api/answer_schema.h"
#include "api/no_effect.h"
#include "api/openai/chat_fields.h"
#include "api/openai/response_format.h"
#include "io/json.h"

namespace oc {
namespace {

namespace json = boost::json;

// Of what may be given once.
struct Guidance {
  ChatRequest& request;
  std::string given = {};  // the field that has said it

  Result<void> take(const std::string& name) {
    if (!given.empty())
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\" and \"{}\" are both given", given, name), "send one of them",
                   name};
    given = name;
    request.names.call("response_format", name);
    return {};
  }

  Result<void> schema(const json::value& value, const std::string& name) {
    OC_RETURN_IF_ERROR(take(name));
    if (!value.is_string()) return want_schema(value, name, request);
    const auto parsed = parse_json(std::string_view(value.get_string()), name);
    if (!parsed.ok())
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\" is a text that is not JSON", name),
                   "send the schema as an object, or its text", name};
    return want_schema(*parsed, name, request);
  }

  Result<bool> choices(const JsonFields& fields, const RequestField& row,
                       const RequestField& entry) {
    OC_ASSIGN_OR_RETURN(const json::array* choices, fields.array(row));
    if (choices == nullptr) return false;
    const std::string name = fields.name(row.key());
    OC_RETURN_IF_ERROR(take(name));
    for (std::size_t i = 0; i < choices->size(); ++i) {
      OC_ASSIGN_OR_RETURN(const std::string_view choice,
                          string_entry((*choices)[i], fmt::format("{}[{}]", name, i), entry));
      request.generate.choices.emplace_back(choice);
    }
    return true;
  }
};

// The likeliest choice is the answer, whatever else is said of how it is drawn and where it ends.
void take_likeliest(const JsonFields& fields, ChatRequest& request) {
  static constexpr auto kSampling = std::to_array<std::string_view>(
      {"temperature", "top_p", "top_k", "min_p", "repetition_penalty", "repeat_penalty",
       "presence_penalty", "frequency_penalty", "logit_bias", "seed", "stop", "max_tokens",
       "max_completion_tokens", "max_new_tokens", "n_predict"});
  NoEffect(request.without_effect).add_present(fields, "", kSampling);
  request.sampling = {};
  request.generate.stop.clear();
  request.generate.max_tokens.reset();
}

// vLLM's object of the same. Its other ways are named in the refusal.
Result<bool> parse_structured(const JsonFields& outer, Guidance& guidance) {
  OC_ASSIGN_OR_RETURN(const auto fields, outer.object(chat_field("structured_outputs")));
  if (!fields) return false;
  static constexpr auto kNotDone =
      std::to_array<std::string_view>({"regex", "grammar", "structural_tag", "whitespace_pattern",
                                       "disable_additional_properties"});
  static constexpr auto kNoEffect =
      std::to_array<std::string_view>({"disable_any_whitespace", "disable_fallback"});
  static constexpr auto kKnown = std::to_array<std::string_view>(
      {"json", "choice", "json_object", "regex", "grammar", "structural_tag", "whitespace_pattern",
       "disable_additional_properties", "disable_any_whitespace", "disable_fallback"});
  OC_RETURN_IF_ERROR(fields->only(kKnown));
  for (const std::string_view key : kNotDone)
    if (const json::value* value = fields->find(key);
        value != nullptr && !(value->is_bool() && !value->get_bool()))
      return not_done(fields->name(key));
  NoEffect(guidance.request.without_effect).add_present(*fields, "structured_outputs.", kNoEffect);
  if (const json::value* schema = fields->find("json"))
    OC_RETURN_IF_ERROR(guidance.schema(*schema, fields->name("json")));
  OC_ASSIGN_OR_RETURN(const auto any_object, fields->boolean("json_object"));
  if (any_object.value_or(false)) {
    OC_RETURN_IF_ERROR(guidance.take(fields->name("json_object")));
    guidance.request.generate.json_schema = "";
  }
  RequestField row = chat_field("guided_choice");
  row.name = "structured_outputs.choice";
  return guidance.choices(*fields, row, chat_field("guided_choice[]"));
}

}  // namespace

Result<void> parse_guidance(const JsonFields& fields, ChatRequest& request) {
  Guidance guidance{request};
  OC_RETURN_IF_ERROR(parse_response_format(fields, request));
  if (request.generate.json_schema) OC_RETURN_IF_ERROR(guidance.take("response_format"));
  if (const json::value* value = fields.find("guided_json"))
    OC_RETURN_IF_ERROR(guidance.schema(*value, "guided_json"));
  OC_ASSIGN_OR_RETURN(const bool structured, parse_structured(fields, guidance));
  OC_ASSIGN_OR_RETURN(const bool guided, guidance.choices(fields, chat_field("guided_choice"),
                                                          chat_field("guided_choice[]")));
  if (structured || guided) take_likeliest(fields, request);
  OC_ASSIGN_OR_RETURN([[maybe_unused]] const bool scored,
                      guidance.choices(fields, chat_field("choices"), chat_field("choices[]")));
  return {};
}

}  // namespace oc
