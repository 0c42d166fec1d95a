#include "api/openai/response_format.h"

#include <algorithm>
#include <array>

#include "api/answer_schema.h"
#include "base/ascii.h"

namespace oc {
namespace {

constexpr std::string_view kField = "response_format";

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return is_letter_or_digit(c) || c == '_' || c == '-';
  });
}

// {"name", "description", "schema", "strict"}: every schema is enforced, strict or not.
Result<void> parse_schema(const JsonFields& format, ChatRequest& request) {
  OC_ASSIGN_OR_RETURN(const auto outer, format.object("json_schema"));
  const std::string param = format.name("json_schema");
  if (!outer)
    return Error{ErrorCode::kInvalidArgument, "\"" + param + "\" is missing",
                 "send {\"name\": …, \"schema\": …}", param};
  static constexpr std::array<std::string_view, 4> kKnown = {"name", "description", "schema",
                                                             "strict"};
  OC_RETURN_IF_ERROR(outer->only(kKnown));
  OC_ASSIGN_OR_RETURN(const auto name, outer->string("name"));
  if (name && !is_name(*name))
    return Error{ErrorCode::kInvalidArgument,
                 "\"" + outer->name("name") + "\" must be 1 to 64 of a-z, A-Z, 0-9, _ and -", "",
                 outer->name("name")};
  OC_ASSIGN_OR_RETURN(const auto description, outer->string("description"));
  OC_ASSIGN_OR_RETURN(const auto strict, outer->boolean("strict"));
  (void)description;
  (void)strict;
  const boost::json::value* schema = outer->find("schema");
  if (schema == nullptr)
    return Error{ErrorCode::kInvalidArgument, "\"" + outer->name("schema") + "\" is missing",
                 "use {\"type\": \"json_object\"} for any JSON object", outer->name("schema")};
  return want_schema(*schema, outer->name("schema"), request);
}

}  // namespace

Result<void> parse_response_format(const JsonFields& fields, ChatRequest& request) {
  OC_ASSIGN_OR_RETURN(const auto format, fields.object(kField));
  if (!format) return {};
  static constexpr std::array<std::string_view, 3> kKnown = {"type", "json_schema", "schema"};
  OC_RETURN_IF_ERROR(format->only(kKnown));
  OC_ASSIGN_OR_RETURN(const auto type, format->string("type"));
  if (type == "json_schema") {
    if (format->find("schema") != nullptr)
      return Error{ErrorCode::kInvalidArgument,
                   "\"response_format.schema\" stands within \"json_schema\" with this type", "",
                   "response_format.schema"};
    return parse_schema(*format, request);
  }
  if (type != "text" && type != "json_object")
    return Error{ErrorCode::kInvalidArgument,
                 "\"response_format.type\" must be \"text\", \"json_object\" or \"json_schema\"",
                 "", "response_format.type"};
  if (format->find("json_schema") != nullptr)
    return Error{ErrorCode::kInvalidArgument,
                 "\"response_format.json_schema\" is only allowed with the type \"json_schema\"",
                 "", "response_format.json_schema"};
  const boost::json::value* schema = format->find("schema");  // as llama.cpp has it
  if (type == "text" && schema != nullptr)
    return Error{ErrorCode::kInvalidArgument,
                 "\"response_format.schema\" is only allowed with the type \"json_object\"", "",
                 "response_format.schema"};
  if (type == "text") return {};
  if (schema != nullptr) return want_schema(*schema, format->name("schema"), request);
  request.generate.json_schema = "";
  return {};
}

}  // namespace oc
