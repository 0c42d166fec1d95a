#include "api/responses/responses_answer.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <iterator>
#include <utility>

#include "api/call_reader.h"
#include "api/logprobs_json.h"
#include "api/timings_json.h"
#include "base/clock.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

// Their codes of failures: few, and none for most of what may happen.
std::string_view failure_code(const ApiError& error) {
  if (error.status == 429) return "rate_limit_exceeded";
  if (error.code == "invalid_image") return "invalid_image";
  return error.status < 500 ? "invalid_prompt" : "server_error";
}

json::object usage_json(const GenerateResult& result) {
  return {{"input_tokens", result.prompt_tokens},
          {"input_tokens_details", json::object{{"cached_tokens", result.cached_tokens},
                                                {"cache_write_tokens", 0},
                                                {"image_tokens", result.image_tokens}}},
          {"output_tokens", result.completion_tokens},
          {"output_tokens_details", json::object{{"reasoning_tokens", 0}}},
          {"total_tokens", result.prompt_tokens + result.completion_tokens}};
}

// A token at a time: as JSON values many of them would take several times their text.
std::string logprobs_array(std::span<const TokenLogprobs> tokens) {
  std::string out = "[";
  for (const TokenLogprobs& token : tokens) {
    if (out.size() > 1) out += ',';
    json::object one = logprobs_json(token);
    // Their schema knows no token without bytes.
    const auto fill = [](json::object& of) {
      if (of["bytes"].is_null()) of["bytes"] = json::array();
    };
    fill(one);
    for (json::value& other : one["top_logprobs"].get_array()) fill(other.get_object());
    out += json_text(one);
  }
  return out + ']';
}

class ResponseWriter final : public AnswerWriter {
 public:
  ResponseWriter(const ChatRequest& request, AnswerStart start)
      : id_(std::move(start.id)),
        letters_(id_.substr(id_.find('_') + 1)),
        model_(start.model.name),
        warning_(start.warning),
        created_(start.created),
        temperature_(request.generate.sampling.temperature),
        top_p_(request.generate.sampling.top_p),
        logprobs_(request.generate.logprobs),
        turn_(request.turn) {
    if (request.forced_call) call_.emplace(*request.forced_call);
  }

  std::string whole(const GenerateResult& result) override {
    return finished(result, output_of(result));
  }

  void head(std::string& out) override {
    const std::string response = response_json("in_progress", "[]", "");
    add(out, "response.created", R"("response":)" + response);
    add(out, "response.in_progress", R"("response":)" + response);
    if (!call_) begin_text(out);
  }

  void piece(std::string& out, const AnswerPiece& piece) override {
    if (!call_) {
      if (piece.text.empty() && piece.tokens.empty()) return;
      return add(out, "response.output_text.delta",
                 fmt::format(R"({},"content_index":0,"delta":{},"logprobs":{})", place("msg_"),
                             json_quoted(piece.text), logprobs_array(piece.tokens)));
    }
    call_->add(piece.text);
    if (call_->tool().empty()) return;
    if (!begun_) begin_call(out);
    const std::string_view more = call_->arguments().substr(told_);
    if (more.empty()) return;
    told_ = call_->arguments().size();
    add(out, "response.function_call_arguments.delta",
        fmt::format(R"({},"delta":{})", place("fc_"), json_quoted(more)));
  }

  void end(std::string& out, const GenerateResult& result) override {
    const std::string item = item_of(result);
    if (call_)
      end_call(out, item);
    else
      end_text(out, result, item);
    const std::string response = finished(result, fmt::format("[{}]", item));
    const bool complete = result.finish_reason == FinishReason::kStop;
    add(out, complete ? "response.completed" : "response.incomplete", R"("response":)" + response);
  }

  void error(std::string& out, const ApiError& error) override {
    add(out, "error",
        fmt::format(R"("code":{},"message":{},"param":{})", json_quoted(error.code),
                    json_quoted(error.message),
                    error.param.empty() ? "null" : json_quoted(error.param)));
    const json::object told = {{"code", failure_code(error)}, {"message", error.message}};
    add(out, "response.failed",
        R"("response":)" +
            response_json("failed", "[]", fmt::format(R"("error":{},)", json_text(told))));
  }

  std::optional<AnsweredTurn> kept() override {
    if (!turn_->keep || document_.empty()) return std::nullopt;
    return AnsweredTurn{.id = id_,
                        .input = turn_->input,
                        .output = std::move(output_),
                        .document = std::move(document_),
                        .previous = turn_->previous};
  }

 private:
  // `more`: fields in front of the others, with a comma behind each.
  std::string response_json(std::string_view status, std::string_view output,
                            std::string_view more) const {
    const bool failed = status == "failed", completed = status == "completed";
    const std::int64_t now = unix_seconds();
    return fmt::format(
        R"({{"id":{},"object":"response","created_at":{},"status":"{}",{}{}{}"background":false,)"
        R"("completed_at":{},"model":{},"output":{},"temperature":{},"top_p":{},{}}})",
        json_quoted(id_), created_, status, failed ? "" : R"("error":null,)",
        status == "incomplete" ? R"("incomplete_details":{"reason":"max_output_tokens"},)"
                               : R"("incomplete_details":null,)",
        more, completed ? std::to_string(now) : "null", json_quoted(model_), output,
        json_text(json::value(temperature_)), json_text(json::value(top_p_)), turn_->echo);
  }

  // The whole response, which is also what is kept.
  std::string finished(const GenerateResult& result, std::string output) {
    const bool complete = result.finish_reason == FinishReason::kStop;
    json::object more = {{"usage", usage_json(result)}};
    const std::string warning = warning_with(warning_, result);
    if (!warning.empty()) more["warning"] = warning;
    // Ours: what is to be known of the answer.
    more["ocellus"] = json::object{{"stop_cause", to_string(result.stop_cause)},
                                   {"seed", result.seed},
                                   {"timings", timings_json(result.timings)}};
    std::string fields = json_text(more);
    fields.front() = ' ';
    fields.back() = ',';
    std::string response =
        response_json(complete ? "completed" : "incomplete", output, fields.substr(1));
    if (!turn_->keep) return response;
    output_ = std::move(output);
    document_ = response;
    return response;
  }

  std::string output_of(const GenerateResult& result) {
    if (call_) call_->add(result.text);
    return fmt::format("[{}]", item_of(result));
  }

  // The answer's only item; empty: a call that was cut off before its name.
  std::string item_of(const GenerateResult& result) const {
    const std::string_view status =
        result.finish_reason == FinishReason::kStop ? "completed" : "incomplete";
    if (!call_) return message_json(status, text_part(result.text, result.logprobs));
    return call_->tool().empty() ? "" : call_json(status, call_->arguments());
  }

  std::string text_part(std::string_view text, std::span<const TokenLogprobs> tokens) const {
    return fmt::format(R"({{"type":"output_text","text":{},"annotations":[],"logprobs":{}}})",
                       json_quoted(text), logprobs_ ? logprobs_array(tokens) : "[]");
  }
  std::string message_json(std::string_view status, std::string_view content) const {
    return fmt::format(
        R"({{"id":"msg_{}","type":"message","role":"assistant","status":"{}","content":[{}]}})",
        letters_, status, content);
  }
  std::string call_json(std::string_view status, std::string_view arguments) const {
    return fmt::format(
        R"({{"id":"fc_{0}","type":"function_call","status":"{1}","call_id":"call_{0}",)"
        R"("name":{2},"arguments":{3}}})",
        letters_, status, json_quoted(call_->tool()), json_quoted(arguments));
  }

  // Where events stand: the only item, with an id that begins so.
  std::string place(std::string_view prefix) const {
    return fmt::format(R"("item_id":"{}{}","output_index":0)", prefix, letters_);
  }

  void add(std::string& out, std::string_view type, std::string_view fields) {
    fmt::format_to(std::back_inserter(out),
                   "event: {0}\ndata: {{\"type\":\"{0}\",\"sequence_number\":{1},{2}}}\n\n", type,
                   sequence_++, fields);
  }

  void begin_text(std::string& out) {
    begun_ = true;
    add(out, "response.output_item.added",
        R"("output_index":0,"item":)" + message_json("in_progress", ""));
    add(out, "response.content_part.added",
        fmt::format(R"({},"content_index":0,"part":{})", place("msg_"), text_part("", {})));
  }
  void end_text(std::string& out, const GenerateResult& result, std::string_view item) {
    if (!begun_) return;
    const std::string part = text_part(result.text, result.logprobs);
    add(out, "response.output_text.done",
        fmt::format(R"({},"content_index":0,"text":{},"logprobs":{})", place("msg_"),
                    json_quoted(result.text), logprobs_ ? logprobs_array(result.logprobs) : "[]"));
    add(out, "response.content_part.done",
        fmt::format(R"({},"content_index":0,"part":{})", place("msg_"), part));
    add(out, "response.output_item.done", fmt::format(R"("output_index":0,"item":{})", item));
  }

  void begin_call(std::string& out) {
    begun_ = true;
    add(out, "response.output_item.added",
        R"("output_index":0,"item":)" + call_json("in_progress", ""));
  }
  void end_call(std::string& out, std::string_view item) {
    if (!begun_) return;
    add(out, "response.function_call_arguments.done",
        fmt::format(R"({},"name":{},"arguments":{})", place("fc_"), json_quoted(call_->tool()),
                    json_quoted(call_->arguments())));
    add(out, "response.output_item.done", fmt::format(R"("output_index":0,"item":{})", item));
  }

  const std::string id_, letters_, model_, warning_;
  const std::int64_t created_;
  const double temperature_, top_p_;
  const bool logprobs_;
  const std::shared_ptr<const TurnRecord> turn_;
  std::optional<CallReader> call_;  // of an answer that is one
  bool begun_ = false;              // the answer's only item has
  std::size_t told_ = 0;            // bytes of the call's arguments
  std::int64_t sequence_ = 0;
  std::string output_, document_;  // to be kept
};

}  // namespace

std::unique_ptr<AnswerWriter> responses_writer(const ChatRequest& request, AnswerStart start) {
  return std::make_unique<ResponseWriter>(request, std::move(start));
}

std::string input_tokens_json(const std::string&, const RequestPlan& plan,
                              std::string_view warning) {
  json::object out = {{"object", "response.input_tokens"}, {"input_tokens", plan.prompt_tokens}};
  if (!warning.empty()) out["warning"] = warning;
  return json_text(out);
}

}  // namespace oc
