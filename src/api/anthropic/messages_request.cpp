#include "api/anthropic/messages_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "api/answer_length.h"
#include "api/answer_schema.h"
#include "api/anthropic/blocks.h"
#include "api/anthropic/fields.h"
#include "api/check_rows.h"
#include "api/forced_call.h"
#include "api/json_fields.h"
#include "api/no_effect.h"
#include "api/parse_body.h"

namespace oc {
namespace {

namespace json = boost::json;

// The values that every answer keeps to, so that nothing is to be told.
bool is_kept_to(std::string_view key, const json::value& value) {
  if (key == "service_tier") return value.get_string() == "auto";
  if (key != "thinking") return false;
  const json::value* type = value.get_object().if_contains("type");
  return type != nullptr && type->is_string() && type->get_string() == "disabled";
}

Result<void> parse_sampling(const JsonFields& fields, RequestedSampling& sampling) {
  OC_ASSIGN_OR_RETURN(sampling.temperature, fields.number(messages_field("temperature")));
  OC_ASSIGN_OR_RETURN(sampling.top_p, fields.number(messages_field("top_p")));
  OC_ASSIGN_OR_RETURN(const auto top_k, fields.integer(messages_field("top_k")));
  // "Nothing but the most likely token": the smallest p says the same.
  if (sampling.top_p == 0) sampling.top_p = std::numeric_limits<double>::min();
  if (top_k) sampling.top_k = std::max(0, static_cast<int>(*top_k));
  return check_sampling(sampling_of(sampling, {}));
}

Result<void> parse_stops(const JsonFields& fields, ChatRequest& request) {
  OC_ASSIGN_OR_RETURN(const json::array* stops, fields.array(messages_field("stop_sequences")));
  if (stops == nullptr) return {};
  for (std::size_t i = 0; i < stops->size(); ++i) {
    OC_ASSIGN_OR_RETURN(const std::string_view stop,
                        string_entry((*stops)[i], fmt::format("stop_sequences[{}]", i),
                                     messages_field("stop_sequences[]")));
    if (stop.empty())
      NoEffect(request.without_effect).add("stop_sequences");
    else
      request.generate.stop.emplace_back(stop);
  }
  return {};
}

// {"type": "json_schema", "schema": …}
Result<void> parse_format(const JsonFields& format, ChatRequest& request) {
  OC_ASSIGN_OR_RETURN(const auto type, format.string("type"));
  if (type != "json_schema")
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" must be \"json_schema\"", format.name("type")), "",
                 format.name("type")};
  const json::value* schema = format.find("schema");
  if (schema == nullptr)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" is missing", format.name("schema")), "",
                 format.name("schema")};
  return want_schema(*schema, format.name("schema"), request);
}

Result<void> parse_output(const JsonFields& fields, ChatRequest& request) {
  OC_ASSIGN_OR_RETURN(const auto config, fields.object(messages_field("output_config")));
  OC_ASSIGN_OR_RETURN(auto format, fields.object(messages_field("output_format")));
  if (config) {
    OC_RETURN_IF_ERROR(config->only(std::array<std::string_view, 2>{"format", "effort"}));
    NoEffect(request.without_effect)
        .add_present(*config, "output_config.", std::array<std::string_view, 1>{"effort"});
    OC_ASSIGN_OR_RETURN(const auto inner, config->object("format"));
    if (inner) format = inner;
  }
  if (!format) return {};
  request.names.call("response_format", format->path());
  return parse_format(*format, request);
}

struct Tools {
  std::vector<OfferedTool> clients;
  std::vector<std::string> own;  // names of Anthropic's own
};

constexpr std::string_view kShape =
    R"(a tool is {"name": ..., "description": ..., "input_schema": {...}} here)";

// Anthropic's own have a type with its date ("web_search_20250305"), and no schema: models are
// trained for them. Their types are told in the warning, a few of them.
Result<bool> is_own_tool(const JsonFields& tool, std::vector<std::string>& without_effect) {
  OC_ASSIGN_OR_RETURN(const auto type, tool.string("type"));
  if (!type || *type == "custom") return false;
  if (*type == "function" && tool.find("input_schema") == nullptr)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" is missing, as in OpenAI's tools", tool.name("input_schema")),
                 std::string(kShape), tool.name("input_schema")};
  if (tool.find("input_schema") != nullptr) return false;
  constexpr std::size_t kTold = 16;
  if (without_effect.size() >= kTold) return true;
  NoEffect(without_effect)
      .add(is_tool_name(*type, 64) ? fmt::format("the tool {}", *type) : "a tool of another type");
  return true;
}

// {"name", "description", "input_schema"}
Result<Tools> parse_tools(const JsonFields& fields, std::vector<std::string>& without_effect) {
  Tools out;
  OC_ASSIGN_OR_RETURN(const json::array* tools, fields.array(messages_field("tools")));
  if (tools == nullptr) return out;
  for (std::size_t i = 0; i < tools->size(); ++i) {
    const std::string path = fmt::format("tools[{}]", i);
    if (!(*tools)[i].is_object()) return wrong_value(path, "an object", (*tools)[i]);
    const JsonFields tool((*tools)[i].get_object(), path);
    OC_ASSIGN_OR_RETURN(const bool own, is_own_tool(tool, without_effect));
    OC_ASSIGN_OR_RETURN(const auto name, tool.string("name"));
    if (own) {
      out.own.emplace_back(name.value_or(""));
      continue;
    }
    if (!name || name->empty())
      return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", tool.name("name")),
                   std::string(kShape), tool.name("name")};
    if (!is_tool_name(*name, 128))
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("\"{}\" must be 1 to 128 of a-z, A-Z, 0-9, _ and -", tool.name("name")), "",
          tool.name("name")};
    OC_ASSIGN_OR_RETURN(const auto description, tool.string("description"));
    OC_ASSIGN_OR_RETURN(const auto schema, tool.object("input_schema"));
    out.clients.push_back({.name = std::string(*name),
                           .description = std::string(description.value_or("")),
                           .parameters = schema ? &schema->raw() : nullptr,
                           .param = tool.name("input_schema")});
  }
  return out;
}

Error own_forced(std::string param) {
  return {ErrorCode::kUnsupported,
          fmt::format("\"{}\" forces a tool of Anthropic's own, which no model here knows", param),
          "offer it with an \"input_schema\" and without a \"type\"", param};
}

// {"type": "auto" | "none" | "any"}, or {"type": "tool", "name"}. → of which one has to be called.
Result<std::vector<OfferedTool>> parse_choice(const JsonFields& fields, const Tools& offered) {
  const std::vector<OfferedTool>& tools = offered.clients;
  std::vector<OfferedTool> out;
  OC_ASSIGN_OR_RETURN(const auto choice, fields.object(messages_field("tool_choice")));
  if (!choice) return out;
  OC_RETURN_IF_ERROR(
      choice->only(std::array<std::string_view, 3>{"type", "name", "disable_parallel_tool_use"}));
  OC_ASSIGN_OR_RETURN(const auto type, choice->string("type"));
  OC_ASSIGN_OR_RETURN([[maybe_unused]] const auto parallel,
                      choice->boolean("disable_parallel_tool_use"));  // there is one at most
  if (type == "auto" || type == "none") return out;
  if (type == "any") {
    if (tools.empty() && !offered.own.empty()) return own_forced("tool_choice");
    if (tools.empty())
      return Error{ErrorCode::kInvalidArgument,
                   "\"tool_choice\" forces a call, and no tool is offered",
                   "offer one in \"tools\"", "tool_choice"};
    return tools;
  }
  if (type != "tool")
    return Error{ErrorCode::kInvalidArgument,
                 R"("tool_choice.type" must be "auto", "any", "tool" or "none")", "",
                 "tool_choice.type"};
  OC_ASSIGN_OR_RETURN(const auto name, choice->string("name"));
  const auto found = std::ranges::find(tools, name.value_or(""), &OfferedTool::name);
  if (found == tools.end() && name && std::ranges::count(offered.own, *name) > 0)
    return own_forced("tool_choice.name");
  if (found == tools.end())
    return Error{ErrorCode::kInvalidArgument,
                 "\"tool_choice.name\" is none of the tools that are offered", "name one of them",
                 "tool_choice.name"};
  out.push_back(*found);
  return out;
}

Result<ChatRequest> parse_fields(const JsonFields& fields, const ChatLimits& limits) {
  ChatRequest request;
  OC_RETURN_IF_ERROR(check_rows(fields, messages_fields(), request.without_effect, "", is_kept_to));
  request.generate.may_set_knobs = false;
  OC_ASSIGN_OR_RETURN(const auto model, fields.string(messages_field("model")));
  request.model = std::string(model.value_or(""));
  OC_ASSIGN_OR_RETURN(request.generate.max_tokens,
                      answer_length(fields, {&messages_field("max_tokens")},
                                    NoEffect(request.without_effect), request.names));
  OC_RETURN_IF_ERROR(parse_sampling(fields, request.sampling));
  OC_RETURN_IF_ERROR(parse_stops(fields, request));
  OC_ASSIGN_OR_RETURN(const auto stream, fields.boolean(messages_field("stream")));
  request.stream = stream.value_or(false);
  OC_RETURN_IF_ERROR(parse_output(fields, request));
  if (const json::value* system = fields.find("system"))
    OC_RETURN_IF_ERROR(parse_system(*system, limits, request));
  const json::value* messages = fields.find("messages");
  if (messages == nullptr)
    return Error{ErrorCode::kInvalidArgument, "\"messages\" is missing", "", "messages"};
  OC_RETURN_IF_ERROR(parse_turns(*messages, limits, request));
  OC_ASSIGN_OR_RETURN(const auto tools, parse_tools(fields, request.without_effect));
  OC_ASSIGN_OR_RETURN(const auto forced, parse_choice(fields, tools));
  if (forced.empty()) {
    if (!tools.clients.empty()) request.unused_tools = "tools";
    return request;
  }
  if (request.generate.json_schema)
    NoEffect(request.without_effect).add(request.names.of("response_format"));
  OC_RETURN_IF_ERROR(force_call(forced, request, "stop_sequences"));
  return request;
}

}  // namespace

Result<ChatRequest> parse_messages_request(std::string_view body, const ChatLimits& limits) {
  return parse_body(body, limits,
                    [&](const JsonFields& fields) { return parse_fields(fields, limits); });
}

Result<ChatRequest> parse_messages_request(std::string&& body, const ChatLimits& limits,
                                           Reservation& memory) {
  return parse_body(std::move(body), limits, memory,
                    [&](const JsonFields& fields) { return parse_fields(fields, limits); });
}

}  // namespace oc
