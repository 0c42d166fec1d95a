// A request on its way to a model that may have to be loaded first.
#pragma once

#include <memory>

#include "api/request_images.h"
#include "base/interrupt.h"
#include "http/answer_sender.h"
#include "http/app.h"

namespace oc::http {

// One thread at a time.
struct App::Question {
  Question(const Dialect& dialect_in, RequestPtr request_in, ResponderPtr responder_in)
      : dialect(dialect_in),
        request(std::move(request_in)),
        responder(std::move(responder_in)),
        interrupt{[to = responder] { return to->closed(); }} {}

  const Dialect& dialect;
  const RequestPtr request;
  const ResponderPtr responder;
  Interrupt interrupt;
  ChatRequest chat = {};
  std::shared_ptr<Backend> backend = nullptr;  // once it is found
  ImageMemory memory = {};
  Reservation pictures = {};
  std::shared_ptr<AnswerSender> sender = nullptr;  // once the model is asked

  void begin_answer();
  GenerateRequest take_request(const AppOptions& options);
  void fail(const Error& error, Stage stage) const {
    if (sender)
      sender->fail(error, stage);
    else
      http::fail(responder, error, stage, request->id);
  }
};

}  // namespace oc::http
