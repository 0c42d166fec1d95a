#include "api/openai/dialect.h"

#include <utility>

#include "api/openai/call_response.h"
#include "api/openai/chat_request.h"
#include "api/openai/chat_response.h"
#include "api/openai/errors.h"
#include "api/original_fields.h"
#include "api/progress_json.h"
#include "api/sse.h"
#include "io/json_text.h"

namespace oc {
namespace {

constexpr std::string_view kDone = "data: [DONE]\n\n";

std::string body_of(const ApiError& error) { return json_text(openai_error(error)); }

class Writer final : public AnswerWriter {
 public:
  Writer(const ChatRequest& request, AnswerHead head, const ServedModel& model)
      : head_(std::move(head)),
        call_(request.forced_call),
        chunks_(head_, request.include_usage, call_ ? &*call_ : nullptr),
        original_{method_of(model.engine), model.optimized},
        answers_(static_cast<std::size_t>(request.generate.n)),
        logprobs_(request.generate.logprobs),
        include_usage_(request.include_usage) {
    if (!call_) return;
    for (std::size_t i = 0; i < answers_; ++i) calls_.emplace_back(*call_, head_.id, i);
  }

  std::string whole(const GenerateResult& result) override {
    return with_original_fields(
        completion_json(head_, result, logprobs_, call_ ? &*call_ : nullptr), original_, result);
  }
  void head(std::string& out) override {
    for (std::size_t i = 0; i < answers_; ++i) append_sse_event(out, chunks_.role(i));
  }
  void piece(std::string& out, const AnswerPiece& piece) override {
    std::string delta;
    if (call_) delta = calls_[piece.choice].delta(piece.text);
    if (call_ && delta.empty() && piece.tokens.empty()) return;
    out += kSseBegin;
    if (call_)
      chunks_.append_delta(out, piece.choice, delta.empty() ? "{}" : delta, piece.tokens);
    else
      chunks_.append_piece(out, piece);
    out += kSseEnd;
  }
  void end(std::string& out, const GenerateResult& result) override {
    for (std::size_t i = 0; i < result.more.size(); ++i)
      append_sse_event(out, chunks_.finish_more(result.more[i], i + 1));
    append_sse_event(out, chunks_.finish(result));
    if (include_usage_) append_sse_event(out, chunks_.usage(result));
    out += kDone;
  }
  void error(std::string& out, const ApiError& error) override {
    append_sse_event(out, body_of(error));
    out += kDone;
  }

 private:
  const AnswerHead head_;
  const std::optional<ForcedCall> call_;
  const ChunkWriter chunks_;
  const OriginalModel original_;
  const std::size_t answers_;
  const bool logprobs_, include_usage_;
  std::vector<CallWriter> calls_;  // of each answer; empty: they are text
};

class OpenAi final : public Dialect {
 public:
  std::string error_body(const ApiError& error) const override { return body_of(error); }
  Result<ChatRequest> parse(std::string&& body, const ChatLimits& limits,
                            Reservation& memory) const override {
    return parse_chat_request(std::move(body), limits, memory);
  }
  std::unique_ptr<AnswerWriter> writer(const ChatRequest& request,
                                       AnswerStart start) const override {
    AnswerHead head = make_answer_head(start.model, std::move(start.id), start.created);
    head.warning = start.warning;
    return std::make_unique<Writer>(request, std::move(head), start.model);
  }
  std::string_view id_prefix() const override { return "chatcmpl-"; }
  std::string_view stream_type() const override { return "text/event-stream; charset=utf-8"; }
  std::string_view keep_alive() const override { return kSsePing; }
  void append_progress(std::string& out, const AnswerProgress& progress) const override {
    append_sse_comment(out, "progress " + progress_json(progress));
  }
};

}  // namespace

const Dialect& openai_dialect() {
  static const OpenAi kDialect;
  return kDialect;
}

}  // namespace oc
