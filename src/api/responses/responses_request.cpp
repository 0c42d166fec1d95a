#include "api/responses/responses_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <ranges>
#include <utility>
#include <vector>

#include "api/answer_length.h"
#include "api/answer_schema.h"
#include "api/answer_store.h"
#include "api/check_rows.h"
#include "api/forced_call.h"
#include "api/openai/image_fields.h"
#include "api/openai/sampling_fields.h"
#include "api/parse_body.h"
#include "api/responses/fields.h"
#include "api/responses/items.h"
#include "api/responses/offered_tools.h"
#include "base/memory_full.h"
#include "io/counted_memory.h"
#include "io/json.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::string_view kPrevious = "previous_response_id";

// The values that every answer keeps to, so that nothing is to be told.
bool is_kept_to(std::string_view key, const json::value& value) {
  if (key == "service_tier") {
    const std::string_view tier(value.get_string());
    return tier == "auto" || tier == "default";
  }
  if (key != "reasoning") return false;
  return std::ranges::all_of(value.get_object(), [](const auto& member) {
    return member.value().is_null() || (member.key() == "effort" && member.value() == "none");
  });
}

// {"type": "json_schema", "name", "schema"}: every schema is enforced, strict or not.
Result<void> parse_format(const JsonFields& format, ChatRequest& request) {
  static constexpr std::array<std::string_view, 5> kKnown = {"type", "name", "description",
                                                             "schema", "strict"};
  OC_RETURN_IF_ERROR(format.only(kKnown));
  OC_ASSIGN_OR_RETURN(const auto type, format.string("type"));
  if (type == "text") return {};
  if (type == "json_object") {
    request.generate.json_schema = "";
    return {};
  }
  if (type != "json_schema")
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format(R"("{}" must be "text", "json_object" or "json_schema")", format.name("type")),
        "", format.name("type")};
  OC_ASSIGN_OR_RETURN(const auto name, format.string("name"));
  if (name && !is_tool_name(*name, 64))
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("\"{}\" must be 1 to 64 of a-z, A-Z, 0-9, _ and -", format.name("name")), "",
        format.name("name")};
  OC_ASSIGN_OR_RETURN([[maybe_unused]] const auto told, format.string("description"));
  OC_ASSIGN_OR_RETURN([[maybe_unused]] const auto strict, format.boolean("strict"));
  const json::value* schema = format.find("schema");
  if (schema == nullptr)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" is missing", format.name("schema")),
                 R"(use {"type": "json_object"} for any JSON object)", format.name("schema")};
  return want_schema(*schema, format.name("schema"), request);
}

Result<void> parse_text(const JsonFields& fields, ChatRequest& request) {
  OC_ASSIGN_OR_RETURN(const auto text, fields.object(response_field("text")));
  if (!text) return {};
  OC_RETURN_IF_ERROR(text->only(std::array<std::string_view, 2>{"format", "verbosity"}));
  OC_ASSIGN_OR_RETURN(const auto verbosity, text->string("verbosity"));
  if (verbosity && *verbosity != "medium") NoEffect(request.without_effect).add("text.verbosity");
  OC_ASSIGN_OR_RETURN(const auto format, text->object("format"));
  if (!format) return {};
  return parse_format(*format, request);
}

// What else is to be in the answer.
Result<void> parse_include(const JsonFields& fields, ChatRequest& request) {
  constexpr std::string_view kLogprobs = "message.output_text.logprobs";
  // Of tools that there are not, thoughts that there are not, and pictures, which are always told.
  constexpr std::array<std::string_view, 8> kNothing = {
      "message.input_image.image_url",         "reasoning.encrypted_content",
      "web_search_call.action.sources",        "web_search_call.results",
      "code_interpreter_call.outputs",         "file_search_call.results",
      "computer_call_output.output.image_url", ""};
  OC_ASSIGN_OR_RETURN(const json::array* include, fields.array(response_field("include")));
  for (std::size_t i = 0; include != nullptr && i < include->size(); ++i) {
    const std::string param = fmt::format("include[{}]", i);
    const json::value& one = (*include)[i];
    if (!one.is_string()) return wrong_value(param, "a string", one);
    const std::string_view name(one.get_string());
    if (name == kLogprobs)
      request.generate.logprobs = true;
    else if (std::ranges::find(kNothing, name) == kNothing.end())
      return Error{ErrorCode::kUnsupported,
                   fmt::format("\"{}\": only {} can be included", param, kLogprobs), "", param};
    else if (name != "message.input_image.image_url")
      NoEffect(request.without_effect).add("include");
  }
  OC_ASSIGN_OR_RETURN(const auto top, fields.integer(response_field("top_logprobs")));
  request.generate.top_logprobs = static_cast<int>(top.value_or(0));
  if (request.generate.top_logprobs > 0 && !request.generate.logprobs)
    return Error{ErrorCode::kInvalidArgument, "\"top_logprobs\" is given without log probabilities",
                 fmt::format("add \"include\": [\"{}\"]", kLogprobs), "top_logprobs"};
  return {};
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

Result<void> check_metadata(const JsonFields& fields) {
  OC_ASSIGN_OR_RETURN(const auto metadata, fields.object(response_field("metadata")));
  if (!metadata) return {};
  for (const auto& [key, value] : metadata->raw()) {
    const std::string param = "metadata." + shown_key(key);
    if (characters(key) > 64)
      return Error{ErrorCode::kInvalidArgument, "a key of \"metadata\" has more than 64 characters",
                   "", "metadata"};
    if (!value.is_string() || characters(value.get_string()) > 512)
      return wrong_value(param, "a string of at most 512 characters", value);
  }
  return {};
}

// Earlier turns, the oldest first: each as text, then as a document of its own.
Result<void> read_earlier(const std::shared_ptr<KeptTurn>& last, const ChatLimits& limits,
                          Reservation& memory, ItemReader& reader) {
  std::vector<const KeptTurn*> turns;
  for (const KeptTurn* turn = last.get(); turn != nullptr; turn = turn->previous.get())
    turns.push_back(turn);
  for (const KeptTurn* turn : std::views::reverse(turns))
    for (const std::string* text : {&turn->input, &turn->output}) {
      // What is copied out of the document.
      if (!memory.grow_to(memory.bytes() + text->size())) return memory_full();
      CountedMemory counted(memory);
      OC_ASSIGN_OR_RETURN(
          const json::value items,
          parse_json(*text, kPrevious, {.depth = limits.json_depth, .values = limits.max_values},
                     &counted));
      OC_RETURN_IF_ERROR(reader.read(items.get_array(), kPrevious));
    }
  return {};
}

std::string as_items(std::string_view text) {
  return fmt::format(
      R"([{{"type":"message","role":"user","content":[{{"type":"input_text","text":{}}}]}}])",
      json_quoted(text));
}

Result<std::shared_ptr<KeptTurn>> find_previous(const JsonFields& fields,
                                                const ChatLimits& limits) {
  OC_ASSIGN_OR_RETURN(const auto id, fields.string(response_field(kPrevious)));
  if (!id) return std::shared_ptr<KeptTurn>();
  std::shared_ptr<KeptTurn> found = limits.earlier ? limits.earlier(*id) : nullptr;
  if (!found)
    return Error{ErrorCode::kNotFound, "there is no answer of this id, or it is not kept any more",
                 limits.earlier ? "send the whole conversation as \"input\""
                                : "this server keeps none: send the whole conversation as "
                                  "\"input\"",
                 std::string(kPrevious)};
  return found;
}

// What the answer repeats: as it was asked for, else as it is without.
std::string echo_of(const JsonFields& fields, bool kept) {
  json::object out;
  const auto copy = [&](std::string_view key, const json::value& otherwise) {
    const json::value* value = fields.find(key);
    out[key] = value == nullptr ? otherwise : *value;
  };
  copy("instructions", nullptr);
  copy("max_output_tokens", nullptr);
  copy("max_tool_calls", nullptr);
  copy("metadata", json::object());
  copy("parallel_tool_calls", true);
  copy("previous_response_id", nullptr);
  copy("prompt_cache_key", nullptr);
  copy("reasoning", json::object{{"effort", nullptr}, {"summary", nullptr}});
  copy("safety_identifier", nullptr);
  out["service_tier"] = "default";
  out["store"] = kept;
  json::object text;
  if (const json::value* given = fields.find("text")) text = given->get_object();
  if (const json::value* format = text.if_contains("format");
      format == nullptr || format->is_null())
    text["format"] = json::object{{"type", "text"}};
  out["text"] = std::move(text);
  copy("tool_choice", "auto");
  copy("tools", json::array());
  copy("top_logprobs", 0);
  copy("truncation", "disabled");
  copy("user", nullptr);
  std::string fields_only = json_text(out);
  return fields_only.substr(1, fields_only.size() - 2);
}

// What is asked, behind what was asked before. → as it is to be kept.
Result<std::string> parse_input(const JsonFields& fields, const TurnRecord& turn,
                                const ChatLimits& limits, std::size_t body_bytes,
                                Reservation& memory, ChatRequest& request) {
  const json::value* input = fields.find("input");
  if (input == nullptr)
    return Error{ErrorCode::kInvalidArgument, "\"input\" is missing", "", "input"};
  if (!input->is_string() && !input->is_array())
    return wrong_value("input", "a string or an array of items", *input);
  OC_ASSIGN_OR_RETURN(const auto instructions, fields.string(response_field("instructions")));
  if (instructions && !instructions->empty())
    request.generate.messages.push_back({Role::kSystem, {TextPart{std::string(*instructions)}}});
  ItemReader reader(limits, request);
  OC_RETURN_IF_ERROR(read_earlier(turn.previous, limits, memory, reader));
  const auto make_room = [&](std::size_t bytes) {
    return !turn.keep || memory.grow_to(memory.bytes() + bytes);
  };
  std::string kept;
  if (input->is_string()) {
    const std::string_view text(input->get_string());
    reader.read_text(text);
    if (!make_room(text.size() + 100)) return memory_full();
    if (turn.keep) kept = as_items(text);
  } else {
    OC_RETURN_IF_ERROR(reader.read(input->get_array(), "input"));
    if (!make_room(body_bytes)) return memory_full();
    if (turn.keep) kept = json_text(input->get_array());
  }
  // The template closes an assistant's turn; a model asked to go on behind it says nothing.
  const auto& messages = request.generate.messages;
  if (messages.empty() || messages.back().role == Role::kAssistant)
    return Error{ErrorCode::kInvalidArgument,
                 messages.empty() ? "\"input\" is empty"
                                  : "\"input\": the last item must not be the assistant's",
                 "end with the user's question", "input"};
  return kept;
}

Result<ChatRequest> parse_fields(const JsonFields& fields, const ChatLimits& limits,
                                 std::size_t body_bytes, Reservation& memory) {
  ChatRequest request;
  NoEffect no_effect(request.without_effect);
  const std::vector<std::string_view> knobs = knob_names();
  OC_RETURN_IF_ERROR(
      check_rows(fields, response_fields(), request.without_effect, "", is_kept_to, knobs));
  OC_ASSIGN_OR_RETURN(const auto model, fields.string(response_field("model")));
  request.model = std::string(model.value_or(""));
  OC_ASSIGN_OR_RETURN(
      request.generate.max_tokens,
      answer_length(fields, {&response_field("max_output_tokens")}, no_effect, request.names));
  request.names.call("messages", "input");
  request.names.call("response_format", "text.format");
  OC_RETURN_IF_ERROR(parse_sampling(fields, request.sampling));
  name_aliases(fields, request.names);
  OC_RETURN_IF_ERROR(parse_stop(fields, request.generate, no_effect));
  OC_RETURN_IF_ERROR(parse_stream(fields, request, no_effect));
  OC_RETURN_IF_ERROR(parse_text(fields, request));
  OC_RETURN_IF_ERROR(parse_include(fields, request));
  OC_RETURN_IF_ERROR(check_metadata(fields));
  OC_ASSIGN_OR_RETURN(const auto keep_order, fields.boolean(response_field("keep_order")));
  request.generate.keep_order = keep_order.value_or(false);
  OC_ASSIGN_OR_RETURN(request.generate.image_knobs, parse_knobs(fields));
  OC_ASSIGN_OR_RETURN(const auto truncation, fields.string(response_field("truncation")));
  if (truncation == "auto") no_effect.add("truncation");
  OC_ASSIGN_OR_RETURN(const auto store, fields.boolean(response_field("store")));
  auto turn = std::make_shared<TurnRecord>();
  turn->keep = store.value_or(true) && limits.earlier;
  if (store.value_or(false) && !turn->keep) no_effect.add("store");
  OC_ASSIGN_OR_RETURN(turn->previous, find_previous(fields, limits));
  OC_ASSIGN_OR_RETURN(turn->input, parse_input(fields, *turn, limits, body_bytes, memory, request));
  const std::size_t before = turn->previous ? turn->previous->all_bytes : 0;
  if (turn->keep && turn->input.size() + before > limits.max_kept_bytes) {
    turn->keep = false;  // there will never be room for it
    turn->input.clear();
    no_effect.add("store");
  }
  turn->echo = echo_of(fields, turn->keep);
  OC_RETURN_IF_ERROR(parse_offered_tools(fields, request));
  request.turn = std::move(turn);
  return request;
}

}  // namespace

Result<ChatRequest> parse_responses_request(std::string&& body, const ChatLimits& limits,
                                            Reservation& memory) {
  const std::size_t bytes = body.size();
  return parse_body(std::move(body), limits, memory, [&](const JsonFields& fields) {
    return parse_fields(fields, limits, bytes, memory);
  });
}

}  // namespace oc
