#include "api/ollama/dialect.h"

#include <utility>

#include "api/ollama/answer_lines.h"
#include "api/ollama/ask_request.h"

namespace oc {
namespace {

class OllamaDialect final : public Dialect {
 public:
  explicit OllamaDialect(OllamaRoute route) : route_(route) {}

  std::string error_body(const ApiError& error) const override { return ollama_error_json(error); }
  Result<ChatRequest> parse(std::string&& body, const ChatLimits& limits,
                            Reservation& memory) const override {
    return parse_ollama_request(route_, std::move(body), limits, memory);
  }
  std::unique_ptr<AnswerWriter> writer(const ChatRequest& request,
                                       AnswerStart start) const override {
    return ollama_writer(route_, request, start);
  }
  std::string_view id_prefix() const override { return "ollama-"; }  // no answer shows it
  std::string_view stream_type() const override { return kJsonLines; }
  std::string_view keep_alive() const override { return {}; }  // the writer's
  // No field of theirs asks for it.
  void append_progress(std::string&, const AnswerProgress&) const override {}

 private:
  const OllamaRoute route_;
};

}  // namespace

const Dialect& ollama_dialect(OllamaRoute route) {
  static const OllamaDialect kChat(OllamaRoute::kChat), kGenerate(OllamaRoute::kGenerate);
  return route == OllamaRoute::kChat ? kChat : kGenerate;
}

}  // namespace oc
