#include "api/completions/dialect.h"

#include <utility>

#include "api/completions/completion_answer.h"
#include "api/completions/completion_request.h"
#include "api/openai/errors.h"
#include "api/progress_json.h"
#include "api/sse.h"
#include "io/json_text.h"

namespace oc {
namespace {

class Completions final : public Dialect {
 public:
  std::string error_body(const ApiError& error) const override {
    return json_text(openai_error(error));
  }
  Result<ChatRequest> parse(std::string&& body, const ChatLimits& limits,
                            Reservation& memory) const override {
    return parse_completion_request(std::move(body), limits, memory);
  }
  std::unique_ptr<AnswerWriter> writer(const ChatRequest& request,
                                       AnswerStart start) const override {
    return completion_writer(request, std::move(start));
  }
  std::string_view id_prefix() const override { return "cmpl-"; }
  std::string_view stream_type() const override { return "text/event-stream; charset=utf-8"; }
  std::string_view keep_alive() const override { return kSsePing; }
  void append_progress(std::string& out, const AnswerProgress& progress) const override {
    append_sse_comment(out, "progress " + progress_json(progress));
  }
};

}  // namespace

const Dialect& completions_dialect() {
  static const Completions kDialect;
  return kDialect;
}

}  // namespace oc
