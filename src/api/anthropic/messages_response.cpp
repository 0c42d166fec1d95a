#include "api/anthropic/messages_response.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <iterator>
#include <utility>

#include "api/call_reader.h"
#include "api/timings_json.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

// Their types of errors: by the status, as their SDKs have them.
std::string_view error_type(const ApiError& error) {
  switch (error.status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    case 504:
      return "timeout_error";
    default:
      return error.status < 500 ? "invalid_request_error" : "api_error";
  }
}

// Tokens that were not computed again are counted apart.
json::object usage_json(const GenerateResult& result) {
  return {{"input_tokens", result.prompt_tokens - result.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", result.cached_tokens},
          {"output_tokens", result.completion_tokens}};
}

std::string_view stop_reason(const Answer& answer, bool call) {
  switch (answer.stop_cause) {
    case StopCause::kMaxTokens:
    case StopCause::kMaxObjects:
      return "max_tokens";
    case StopCause::kContextFull:
      return "model_context_window_exceeded";
    case StopCause::kStopString:
      return "stop_sequence";
    case StopCause::kStopToken:
      break;
  }
  return call ? "tool_use" : "end_turn";
}

json::value or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value();
}

// The arguments as the model wrote them: a number is told to its last digit, as in a stream. Those
// of a call that was cut off are no JSON, and stand as text.
std::string input_json(const CallReader& call) {
  if (call.is_whole()) return std::string(call.arguments());
  return json_text(json::object{{"cut_off", call.arguments()}});
}

void append_event(std::string& out, std::string_view name, std::string_view json) {
  fmt::format_to(std::back_inserter(out), "event: {}\ndata: {}\n\n", name, json);
}

class MessageWriter final : public AnswerWriter {
 public:
  MessageWriter(const ChatRequest& request, AnswerStart start)
      : id_(std::move(start.id)), model_(start.model.name), warning_(start.warning) {
    if (request.forced_call) call_.emplace(*request.forced_call);
  }

  std::string whole(const GenerateResult& result) override {
    json::object rest = {{"stop_reason", stop_reason(result, call_.has_value())},
                         {"stop_sequence", or_null(result.stop_string)},
                         {"usage", usage_json(result)}};
    add_details(rest, result);
    std::string out = json_text(message_json());
    out.pop_back();
    fmt::format_to(std::back_inserter(out), R"(,"content":{},{})", content_json(result),
                   json_text(rest).substr(1));
    return out;
  }

  // How long the prompt is is not known yet: message_delta tells it.
  void head(std::string& out) override {
    json::object message = message_json();
    message["content"] = json::array();
    message["stop_reason"] = nullptr;
    message["stop_sequence"] = nullptr;
    message["usage"] = json::object{{"input_tokens", 0}, {"output_tokens", 0}};
    append_event(out, "message_start",
                 json_text(json::object{{"type", "message_start"}, {"message", message}}));
    if (!call_) begin_block(out, R"({"type":"text","text":""})");
  }

  void piece(std::string& out, const AnswerPiece& piece) override {
    if (!call_) return add_delta(out, "text_delta", "text", piece.text);
    call_->add(piece.text);
    if (call_->tool().empty()) return;
    if (!block_)
      begin_block(out, fmt::format(R"({{"type":"tool_use","id":{},"name":{},"input":{{}}}})",
                                   json_quoted(call_id()), json_quoted(call_->tool())));
    const std::string_view more = call_->arguments().substr(told_);
    if (more.empty()) return;
    told_ = call_->arguments().size();
    add_delta(out, "input_json_delta", "partial_json", more);
  }

  void end(std::string& out, const GenerateResult& result) override {
    if (block_)
      append_event(out, "content_block_stop", R"({"type":"content_block_stop","index":0})");
    json::object event = {
        {"type", "message_delta"},
        {"delta", json::object{{"stop_reason", stop_reason(result, call_.has_value())},
                               {"stop_sequence", or_null(result.stop_string)}}},
        {"usage", usage_json(result)}};
    add_details(event, result);
    append_event(out, "message_delta", json_text(event));
    append_event(out, "message_stop", R"({"type":"message_stop"})");
  }

  void error(std::string& out, const ApiError& error) override {
    append_event(out, "error", messages_error_json(error));
  }

 private:
  json::object message_json() const {
    return {{"id", id_}, {"type", "message"}, {"role", "assistant"}, {"model", model_}};
  }
  std::string call_id() const { return "toolu_" + id_.substr(id_.find('_') + 1); }

  std::string content_json(const GenerateResult& result) const {
    if (!call_)
      return json_text(json::array{json::object{{"type", "text"}, {"text", result.text}}});
    CallReader reader = *call_;
    reader.add(result.text);
    if (reader.tool().empty()) return "[]";  // cut off before its name
    return fmt::format(R"([{{"type":"tool_use","id":{},"name":{},"input":{}}}])",
                       json_quoted(call_id()), json_quoted(reader.tool()), input_json(reader));
  }

  // Ours: what is to be known of the request and its answer.
  void add_details(json::object& out, const GenerateResult& result) const {
    const std::string warning = warning_with(warning_, result);
    if (!warning.empty()) out["warning"] = warning;
    out["ocellus"] = json::object{{"stop_cause", to_string(result.stop_cause)},
                                  {"seed", result.seed},
                                  {"timings", timings_json(result.timings)}};
  }

  void begin_block(std::string& out, std::string_view block) {
    block_ = true;
    append_event(
        out, "content_block_start",
        fmt::format(R"({{"type":"content_block_start","index":0,"content_block":{}}})", block));
  }
  void add_delta(std::string& out, std::string_view type, std::string_view field,
                 std::string_view text) {
    append_event(
        out, "content_block_delta",
        fmt::format(R"({{"type":"content_block_delta","index":0,"delta":{{"type":"{}","{}":{}}}}})",
                    type, field, json_quoted(text)));
  }

  const std::string id_, model_, warning_;
  std::optional<CallReader> call_;  // of an answer that is one
  bool block_ = false;              // the answer's only block has begun
  std::size_t told_ = 0;            // bytes of the call's arguments
};

}  // namespace

std::string messages_error_json(const ApiError& error) {
  json::object inner = {{"type", error_type(error)}, {"message", error.message}};
  // Ours: what a program can go by.
  inner["code"] = error.code;
  if (!error.param.empty()) inner["param"] = error.param;
  return json_text(json::object{{"type", "error"}, {"error", std::move(inner)}});
}

std::unique_ptr<AnswerWriter> messages_writer(const ChatRequest& request, AnswerStart start) {
  return std::make_unique<MessageWriter>(request, std::move(start));
}

std::string token_count_json(const std::string&, const RequestPlan& plan,
                             std::string_view warning) {
  json::object out = {{"input_tokens", plan.prompt_tokens}};
  if (!warning.empty()) out["warning"] = warning;
  return json_text(out);
}

}  // namespace oc
