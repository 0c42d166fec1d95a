#include "api/ollama/answer_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <span>

#include "api/logprobs_json.h"
#include "api/timings_json.h"
#include "base/clock.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

// Nanoseconds, never none: clients divide by them.
std::int64_t ns(double ms) { return std::max<std::int64_t>(1, std::llround(ms * 1e6)); }

json::array logprobs_of(std::span<const TokenLogprobs> tokens) {
  json::array out;
  for (const TokenLogprobs& token : tokens) out.push_back(logprobs_json(token));
  return out;
}

class OllamaWriter final : public AnswerWriter {
 public:
  OllamaWriter(OllamaRoute route, const ChatRequest& request, const AnswerStart& start)
      : route_(route),
        model_(request.asked_model.empty() ? start.model.name : request.asked_model),
        warning_(start.warning),
        instead_(request.instead),
        logprobs_(request.generate.logprobs) {}

  std::string whole(const GenerateResult& result) override {
    json::object out = object(result.text);
    if (logprobs_) out["logprobs"] = logprobs_of(result.logprobs);
    add_end(out, result);
    return json_text(out);
  }

  void head(std::string&) override {}

  void piece(std::string& out, const AnswerPiece& piece) override {
    if (piece.text.empty() && piece.tokens.empty()) return;
    out += beginning(piece.text);
    if (logprobs_)
      fmt::format_to(std::back_inserter(out), R"(,"logprobs":{})",
                     json_text(logprobs_of(piece.tokens)));
    out += ",\"done\":false}\n";
  }

  void end(std::string& out, const GenerateResult& result) override {
    json::object last = object("");
    add_end(last, result);
    out += json_text(last) + '\n';
  }

  void error(std::string& out, const ApiError& error) override {
    out += ollama_error_json(error) + '\n';
  }

  // Some more of nothing: an empty line is none to their clients.
  std::string keep_alive() override { return beginning("") + ",\"done\":false}\n"; }

 private:
  std::string beginning(std::string_view text) const {
    const bool chat = route_ == OllamaRoute::kChat;
    return fmt::format(R"({{"model":{},"created_at":"{}",{}{}{})", json_quoted(model_),
                       utc_timestamp_in_ms(),
                       chat ? R"("message":{"role":"assistant","content":)" : R"("response":)",
                       json_quoted(text), chat ? "}" : "");
  }

  json::object object(std::string_view text) const {
    json::object out = {{"model", model_}, {"created_at", utc_timestamp_in_ms()}};
    if (route_ == OllamaRoute::kChat)
      out["message"] = json::object{{"role", "assistant"}, {"content", text}};
    else
      out["response"] = text;
    return out;
  }

  void add_end(json::object& out, const GenerateResult& result) const {
    out["done"] = true;
    if (instead_) {
      out["done_reason"] = instead_ == ModelStep::kLoad ? "load" : "unload";
      if (!warning_.empty()) out["warning"] = warning_;
      return;
    }
    out["done_reason"] = to_string(result.finish_reason);
    const Timings& times = result.timings;
    out["total_duration"] = ns(times.total_ms);
    out["load_duration"] = ns(times.queue_ms);
    out["prompt_eval_count"] = result.prompt_tokens;
    out["prompt_eval_duration"] = ns(times.preprocess_ms + times.encode_ms + times.prefill_ms);
    out["eval_count"] = result.completion_tokens;
    out["eval_duration"] = ns(times.decode_ms);
    // Ours: what is to be known of the request and its answer.
    const std::string warning = warning_with(warning_, result);
    if (!warning.empty()) out["warning"] = warning;
    out["ocellus"] = json::object{{"stop_cause", to_string(result.stop_cause)},
                                  {"seed", result.seed},
                                  {"timings", timings_json(times)}};
  }

  const OllamaRoute route_;
  const std::string model_, warning_;
  const std::optional<ModelStep> instead_;
  const bool logprobs_;
};

}  // namespace

std::string ollama_error_json(const ApiError& error) {
  json::object out = {{"error", error.message}};
  // Ours: what a program can go by.
  out["code"] = error.code;
  if (!error.param.empty()) out["param"] = error.param;
  return json_text(out);
}

std::unique_ptr<AnswerWriter> ollama_writer(OllamaRoute route, const ChatRequest& request,
                                            const AnswerStart& start) {
  return std::make_unique<OllamaWriter>(route, request, start);
}

}  // namespace oc
