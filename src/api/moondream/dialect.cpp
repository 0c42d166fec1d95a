#include "api/moondream/dialect.h"

#include <array>
#include <string>
#include <utility>

#include "api/moondream/task_request.h"
#include "api/moondream/task_response.h"
#include "api/openai/dialect.h"
#include "api/sse.h"

namespace oc {
namespace {

class TaskWriter final : public AnswerWriter {
 public:
  TaskWriter(MoondreamRoute route, AnswerStart start)
      : route_(route), id_(std::move(start.id)), warning_(start.warning) {}

  std::string whole(const GenerateResult& result) override {
    return task_answer_json(route_, id_, result, warning_);
  }
  void head(std::string&) override {}
  void piece(std::string& out, const AnswerPiece& piece) override {
    append_sse_event(out, task_chunk_json(id_, piece.text));
  }
  void end(std::string& out, const GenerateResult& result) override {
    append_sse_event(out, task_end_json(id_, result, warning_));
  }
  // Their clients know no errors within a stream, and skip it: to them the answer ends early.
  void error(std::string& out, const ApiError& error) override {
    append_sse_event(out, openai_dialect().error_body(error));
  }

 private:
  const MoondreamRoute route_;
  const std::string id_, warning_;
};

class MoondreamDialect final : public Dialect {
 public:
  explicit MoondreamDialect(MoondreamRoute route)
      : route_(route), id_prefix_(std::string(name_of(route)) + "-") {}

  // The same object as OpenAI's.
  std::string error_body(const ApiError& error) const override {
    return openai_dialect().error_body(error);
  }
  std::string_view key_header() const override {
    return "X-Moondream-Auth: KEY, or Authorization: Bearer KEY";
  }
  Result<ChatRequest> parse(std::string&& body, const ChatLimits& limits,
                            Reservation& memory) const override {
    return parse_task_request(route_, std::move(body), limits, memory);
  }
  std::unique_ptr<AnswerWriter> writer(const ChatRequest&, AnswerStart start) const override {
    return std::make_unique<TaskWriter>(route_, std::move(start));
  }
  std::string_view id_prefix() const override { return id_prefix_; }
  std::string_view stream_type() const override { return "text/event-stream; charset=utf-8"; }
  std::string_view keep_alive() const override { return kSsePing; }
  void append_progress(std::string& out, const AnswerProgress& progress) const override {
    openai_dialect().append_progress(out, progress);
  }

 private:
  const MoondreamRoute route_;
  const std::string id_prefix_;
};

}  // namespace

const Dialect& moondream_dialect(MoondreamRoute route) {
  static const std::array<MoondreamDialect, 4> kDialects = {
      MoondreamDialect(MoondreamRoute::kQuery), MoondreamDialect(MoondreamRoute::kCaption),
      MoondreamDialect(MoondreamRoute::kDetect), MoondreamDialect(MoondreamRoute::kPoint)};
  return kDialects[static_cast<std::size_t>(route)];
}

}  // namespace oc
