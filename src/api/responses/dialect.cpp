#include "api/responses/dialect.h"

#include <utility>

#include "api/openai/errors.h"
#include "api/progress_json.h"
#include "api/responses/responses_answer.h"
#include "api/responses/responses_request.h"
#include "api/sse.h"
#include "io/json_text.h"

namespace oc {
namespace {

class Responses final : public Dialect {
 public:
  std::string error_body(const ApiError& error) const override {
    return json_text(openai_error(error));
  }
  Result<ChatRequest> parse(std::string&& body, const ChatLimits& limits,
                            Reservation& memory) const override {
    return parse_responses_request(std::move(body), limits, memory);
  }
  std::unique_ptr<AnswerWriter> writer(const ChatRequest& request,
                                       AnswerStart start) const override {
    return responses_writer(request, std::move(start));
  }
  std::string_view id_prefix() const override { return "resp_"; }
  std::string_view stream_type() const override { return "text/event-stream; charset=utf-8"; }
  std::string_view keep_alive() const override { return kSsePing; }
  void append_progress(std::string& out, const AnswerProgress& progress) const override {
    append_sse_comment(out, "progress " + progress_json(progress));
  }
};

}  // namespace

const Dialect& responses_dialect() {
  static const Responses kDialect;
  return kDialect;
}

}  // namespace oc
