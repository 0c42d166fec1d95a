#include "api/backend/dialect.h"

#include <utility>

#include "api/backend/errors.h"
#include "api/openai/dialect.h"
#include "io/json_text.h"

namespace oc {
namespace {

class BackendDialect final : public Dialect {
 public:
  std::string error_body(const ApiError& error) const override {
    return json_text(backend_error(error));
  }
  Result<ChatRequest> parse(std::string&& body, const ChatLimits& limits,
                            Reservation& memory) const override {
    return openai_dialect().parse(std::move(body), limits, memory);
  }
  std::unique_ptr<AnswerWriter> writer(const ChatRequest& request,
                                       AnswerStart start) const override {
    return openai_dialect().writer(request, std::move(start));
  }
  std::string_view id_prefix() const override { return openai_dialect().id_prefix(); }
  std::string_view stream_type() const override { return openai_dialect().stream_type(); }
  std::string_view keep_alive() const override { return openai_dialect().keep_alive(); }
  void append_progress(std::string& out, const AnswerProgress& progress) const override {
    openai_dialect().append_progress(out, progress);
  }
};

}  // namespace

const Dialect& backend_dialect() {
  static const BackendDialect kDialect;
  return kDialect;
}

}  // namespace oc
