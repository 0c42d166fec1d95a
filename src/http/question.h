// A request on its way to a model that may have to be loaded first.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/request_images.h"
#include "base/interrupt.h"
#include "http/answer_sender.h"
#include "http/app.h"
#include "http/progress_sender.h"

namespace oc::http {

// Not everybody may have a model loaded.
std::optional<ApiError> check_loading(const Request& request, const ModelSource& source,
                                      const std::string& model,
                                      std::string_view key_header = kBearerKey);

// One thread at a time.
struct App::Question {
  Question(const Dialect& dialect_in, RequestPtr request_in, ResponderPtr responder_in,
           PlanWriter planned_in)
      : planned(planned_in),
        dialect(dialect_in),
        request(std::move(request_in)),
        responder(std::move(responder_in)),
        interrupt{[to = responder] { return to->closed(); }} {}

  const PlanWriter planned;  // not null: it is planned only, and this is how its plan is told
  const Dialect& dialect;
  const RequestPtr request;
  const ResponderPtr responder;
  Interrupt interrupt;
  ChatRequest chat = {};
  std::shared_ptr<Backend> backend = nullptr;  // once it is found
  std::size_t fetched_bytes = 0;               // of its pictures that came from the network
  ImageMemory memory = {};
  Reservation pictures = {};
  std::shared_ptr<AnswerSender> sender = nullptr;  // once the model is asked
  std::optional<ProgressSender> progress = {};     // where the stream wants it

  void begin_answer();
  GenerateRequest take_request(const AppOptions& options);
  void fail(const Error& error, Stage stage) {
    // A stream that has begun to tell of pictures ends as an answer does.
    if (!sender && progress && backend) begin_answer();
    if (sender)
      sender->fail(error, stage);
    else
      http::fail(responder, chat.names.in_their_words(error), stage, request->id);
  }
};

}  // namespace oc::http
