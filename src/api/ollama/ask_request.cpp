#include "api/ollama/ask_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "api/answer_schema.h"
#include "api/check_rows.h"
#include "api/no_effect.h"
#include "api/ollama/keep_alive.h"
#include "api/ollama/turns.h"
#include "api/parse_body.h"

namespace oc {
namespace {

namespace json = boost::json;

bool is_kept_to(std::string_view key, const json::value& value) {
  return key == "repeat_last_n" && value == 0;  // see sampling()
}

struct OllamaAskParser {
  const OllamaRoute route;
  const ChatLimits& limits;
  ChatRequest request = {};

  const RequestField& row(std::string_view name) const { return ollama_field(route, name); }
  NoEffect no_effect() { return NoEffect(request.without_effect); }

  // "", "json", or a schema.
  Result<void> format(const JsonFields& fields) {
    const json::value* format = fields.find("format");
    if (format == nullptr || *format == "") return {};
    if (*format == "json") {
      request.generate.json_schema = "";
      return {};
    }
    if (!format->is_object()) {
      if (!format->is_string()) return wrong_value("format", R"("json" or a JSON schema)", *format);
      return Error{ErrorCode::kInvalidArgument,
                   R"("format" must be "json" or a JSON schema, found another string)", "",
                   "format"};
    }
    if (const json::value* type = format->get_object().if_contains("type");
        type != nullptr && (*type == "json_schema" || *type == "json_object"))  // OpenAI's
      return Error{ErrorCode::kInvalidArgument,
                   R"("format" must be "json" or a JSON schema, found OpenAI's response_format)",
                   R"(the schema itself: "format": {"type": "object", "properties": ...})",
                   "format"};
    return want_schema(*format, "format", request);
  }

  Result<void> seed(const JsonFields& options) {
    const json::value* seed = options.find("seed");
    if (seed == nullptr || *seed == -1) return {};
    if (seed->is_int64())
      request.sampling.seed = static_cast<std::uint64_t>(seed->get_int64());
    else if (seed->is_uint64())
      request.sampling.seed = seed->get_uint64();
    else if (const auto whole = whole_number(*seed))
      request.sampling.seed = static_cast<std::uint64_t>(*whole);
    else
      return wrong_value(options.name("seed"), expected(row("options.seed")), *seed);
    return {};
  }

  Result<void> sampling(const JsonFields& options) {
    RequestedSampling& out = request.sampling;
    const auto number = [&](std::string_view name) { return options.number(row(name)); };
    OC_ASSIGN_OR_RETURN(out.temperature, number("options.temperature"));
    OC_ASSIGN_OR_RETURN(out.top_p, number("options.top_p"));
    OC_ASSIGN_OR_RETURN(out.min_p, number("options.min_p"));
    OC_ASSIGN_OR_RETURN(out.repetition_penalty, number("options.repeat_penalty"));
    OC_ASSIGN_OR_RETURN(out.presence_penalty, number("options.presence_penalty"));
    OC_ASSIGN_OR_RETURN(out.frequency_penalty, number("options.frequency_penalty"));
    OC_ASSIGN_OR_RETURN(const auto top_k, options.integer(row("options.top_k")));
    // "Nothing but the most likely token": the smallest p says the same.
    if (out.top_p == 0) out.top_p = std::numeric_limits<double>::min();
    if (out.min_p == 1) out.min_p = std::nextafter(1.0, 0.0);
    if (top_k) out.top_k = std::max(0, static_cast<int>(*top_k));
    // Over none of the last tokens: there are no penalties.
    if (const json::value* last = options.find("repeat_last_n"); last != nullptr && *last == 0)
      out.repetition_penalty = out.presence_penalty = out.frequency_penalty = std::nullopt;
    return seed(options);
  }

  Result<void> stop(const json::value& value, std::string param) {
    OC_ASSIGN_OR_RETURN(const std::string_view text,
                        string_entry(value, std::move(param), row("options.stop[]")));
    if (text.empty())
      no_effect().add("options.stop");
    else
      request.generate.stop.emplace_back(text);
    return {};
  }

  Result<void> stops(const JsonFields& options) {
    const RequestField& field = row("options.stop");
    const json::value* value = options.find(field.key());
    const std::string param = options.name(field.key());
    if (value == nullptr) return {};
    if (value->is_string()) return stop(*value, param);
    if (!value->is_array()) return wrong_value(param, expected(field), *value);
    const json::array& array = value->get_array();
    if (array.size() > field.max_size())
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\" has more than {} strings", param, field.max_size()), "",
                   param};
    for (std::size_t i = 0; i < array.size(); ++i)
      OC_RETURN_IF_ERROR(stop(array[i], fmt::format("{}[{}]", param, i)));
    return {};
  }

  Result<void> options(const JsonFields& options) {
    OC_RETURN_IF_ERROR(
        check_rows(options, ollama_fields(route), request.without_effect, "options.", is_kept_to));
    OC_RETURN_IF_ERROR(sampling(options));
    OC_RETURN_IF_ERROR(stops(options));
    OC_ASSIGN_OR_RETURN(const auto length, options.integer(row("options.num_predict")));
    const auto too_long = [&](std::int64_t tokens) {
      return limits.context_length > 0 && tokens > limits.context_length;
    };
    // Clients ask for what large models may write; more than the context holds is no limit.
    if (length && too_long(*length))
      no_effect().add("options.num_predict");
    else if (length && *length > 0)
      request.generate.max_tokens =
          static_cast<int>(std::min<std::int64_t>(*length, std::numeric_limits<int>::max()));
    OC_ASSIGN_OR_RETURN(const auto room, options.integer(row("options.num_ctx")));
    if (room && too_long(*room)) no_effect().add("options.num_ctx");
    return {};
  }

  Result<void> logprobs(const JsonFields& fields) {
    OC_ASSIGN_OR_RETURN(const auto wanted, fields.boolean(row("logprobs")));
    OC_ASSIGN_OR_RETURN(const auto top, fields.integer(row("top_logprobs")));
    request.generate.logprobs = wanted.value_or(false);
    request.generate.top_logprobs = static_cast<int>(top.value_or(0));
    if (request.generate.top_logprobs == 0 || request.generate.logprobs) return {};
    return Error{ErrorCode::kInvalidArgument, "\"top_logprobs\" is given without \"logprobs\"",
                 "add \"logprobs\": true", "top_logprobs"};
  }

  // Some programs send both routes' fields to this one. A system text stands above the messages;
  // pictures beside them are those that they hold, or would be lost.
  Result<void> fields_of_generate(const JsonFields& fields) {
    std::vector<Message>& messages = request.generate.messages;
    OC_ASSIGN_OR_RETURN(const auto system, fields.string(row("system")));
    if (system && !system->empty() && !messages.empty()) {
      if (std::ranges::find(messages, Role::kSystem, &Message::role) == messages.end())
        messages.insert(messages.begin(), {Role::kSystem, {TextPart{std::string(*system)}}});
      else
        no_effect().add("system");
    }
    OC_ASSIGN_OR_RETURN(const json::array* images, fields.array(row("images")));
    if (images == nullptr || images->empty()) return {};
    if (request.images.empty())
      return Error{ErrorCode::kInvalidArgument, R"("images" stand beside the messages)",
                   R"(put them into a message of the user's: "messages[].images")", "images"};
    no_effect().add("images");
    return {};
  }

  Result<void> conversation(const JsonFields& fields) {
    OC_ASSIGN_OR_RETURN(const json::array* messages, fields.array(row("messages")));
    if (messages != nullptr) OC_RETURN_IF_ERROR(parse_ollama_turns(*messages, limits, request));
    OC_RETURN_IF_ERROR(fields_of_generate(fields));
    OC_ASSIGN_OR_RETURN(const json::array* tools, fields.array(row("tools")));
    if (tools == nullptr || tools->empty()) return {};
    for (std::size_t i = 0; i < tools->size(); ++i)
      if (!(*tools)[i].is_object())
        return wrong_value(fmt::format("tools[{}]", i), "an object", (*tools)[i]);
    request.unused_tools = "tools";
    return {};
  }

  Result<void> prompt(const JsonFields& fields) {
    OC_ASSIGN_OR_RETURN(const auto system, fields.string(row("system")));
    OC_ASSIGN_OR_RETURN(const auto prompt, fields.string(row("prompt")));
    Message question;
    if (const json::value* images = fields.find("images"))
      OC_RETURN_IF_ERROR(add_ollama_images(*images, "images", limits, request, question));
    if (prompt && !prompt->empty()) question.parts.emplace_back(TextPart{std::string(*prompt)});
    if (question.parts.empty()) return {};
    std::vector<Message>& out = request.generate.messages;
    if (system && !system->empty())
      out.push_back({Role::kSystem, {TextPart{std::string(*system)}}});
    out.push_back(std::move(question));
    return {};
  }

  Result<ChatRequest> parse(const JsonFields& fields) {
    OC_RETURN_IF_ERROR(check_rows(fields, ollama_fields(route), request.without_effect));
    request.names.call("max_tokens", "options.num_predict");
    request.names.call("response_format", "format");
    if (route == OllamaRoute::kGenerate) request.names.call("messages", "prompt");
    request.generate.may_set_knobs = false;
    OC_ASSIGN_OR_RETURN(const auto model, fields.string(row("model")));
    request.model = request.asked_model = std::string(model.value_or(""));
    OC_ASSIGN_OR_RETURN(const auto stream, fields.boolean(row("stream")));
    request.stream = stream.value_or(true);
    OC_RETURN_IF_ERROR(format(fields));
    OC_ASSIGN_OR_RETURN(const auto given, fields.object(row("options")));
    if (given) OC_RETURN_IF_ERROR(options(*given));
    OC_RETURN_IF_ERROR(logprobs(fields));
    OC_RETURN_IF_ERROR(route == OllamaRoute::kChat ? conversation(fields) : prompt(fields));
    OC_RETURN_IF_ERROR(keep_alive(fields));
    return std::move(request);
  }

  Result<void> keep_alive(const JsonFields& fields) {
    const bool asks = !request.generate.messages.empty();
    if (!asks) request.instead = ModelStep::kLoad;
    const json::value* value = fields.find("keep_alive");
    if (value == nullptr) return {};
    OC_ASSIGN_OR_RETURN(const double seconds, parse_keep_alive(*value));
    if (!asks && seconds == 0)
      request.instead = ModelStep::kUnload;
    else
      no_effect().add("keep_alive");
    return {};
  }
};

}  // namespace

Result<ChatRequest> parse_ollama_request(OllamaRoute route, std::string_view body,
                                         const ChatLimits& limits) {
  return parse_body(body, limits, [&](const JsonFields& fields) {
    return OllamaAskParser{route, limits}.parse(fields);
  });
}

Result<ChatRequest> parse_ollama_request(OllamaRoute route, std::string&& body,
                                         const ChatLimits& limits, Reservation& memory) {
  return parse_body(std::move(body), limits, memory, [&](const JsonFields& fields) {
    return OllamaAskParser{route, limits}.parse(fields);
  });
}

}  // namespace oc
