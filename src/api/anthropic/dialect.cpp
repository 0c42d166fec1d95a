#include "api/anthropic/dialect.h"

#include <utility>

#include "api/anthropic/messages_request.h"
#include "api/anthropic/messages_response.h"

namespace oc {
namespace {

class Anthropic final : public Dialect {
 public:
  std::string error_body(const ApiError& error) const override {
    return messages_error_json(error);
  }
  std::string_view key_header() const override {
    return "x-api-key: KEY, or Authorization: Bearer KEY";
  }
  Result<ChatRequest> parse(std::string&& body, const ChatLimits& limits,
                            Reservation& memory) const override {
    return parse_messages_request(std::move(body), limits, memory);
  }
  std::unique_ptr<AnswerWriter> writer(const ChatRequest& request,
                                       AnswerStart start) const override {
    return messages_writer(request, std::move(start));
  }
  std::string_view id_prefix() const override { return "msg_"; }
  std::string_view stream_type() const override { return "text/event-stream; charset=utf-8"; }
  std::string_view keep_alive() const override {
    return "event: ping\ndata: {\"type\":\"ping\"}\n\n";
  }
  // No field of theirs asks for it.
  void append_progress(std::string&, const AnswerProgress&) const override {}
};

}  // namespace

const Dialect& anthropic_dialect() {
  static const Anthropic kDialect;
  return kDialect;
}

}  // namespace oc
