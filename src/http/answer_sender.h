// The way of one answer from the model to its client: whole or streamed, in the client's dialect.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/dialect.h"
#include "base/memory_budget.h"
#include "http/types.h"

namespace oc::http {

// A stream in this dialect, without a preamble.
StreamOffer stream_offer(const Dialect& dialect, std::chrono::milliseconds ping_every);

// What was thrown while a request was worked on, as its error.
Error thrown(const std::exception& failure);

// One call at a time, from different threads: piece() and done() from the engine's.
class AnswerSender {
 public:
  AnswerSender(std::string request_id, ResponderPtr responder, std::unique_ptr<AnswerWriter> writer,
               bool stream, FieldNames names);

  // Before the model is asked for an answer that is streamed; the stream may have begun.
  void offer_stream(const Dialect& dialect, std::chrono::milliseconds ping_every);
  void piece(const AnswerPiece& piece);
  // Leaves nothing of the result but what it takes to send it.
  void done(GenerateResult& result);
  // As an answer, or as the last thing in a stream that has begun, never a silent end.
  void fail(const Error& error, Stage stage);

  // Its answer is JSON: that it is cut is told.
  void expect_json() { json_ = true; }
  // What the request holds while it waits and runs.
  void hold(Reservation texts, Reservation pictures);
  // Who is told of the answer when it is whole, before its client is.
  void tell(std::function<void(AnsweredTurn turn)> keep) { keep_ = std::move(keep); }
  void shrink_images_to(std::size_t bytes) { pictures_.shrink_to(bytes); }

 private:
  void send_whole(GenerateResult& result);
  void end_stream(GenerateResult& result);
  void keep();

  const std::string id_;  // of the request
  const ResponderPtr responder_;
  const std::unique_ptr<AnswerWriter> writer_;
  const bool stream_;
  const FieldNames names_;
  bool json_ = false;
  std::vector<std::size_t> known_;               // choices that came whole
  std::function<void(AnsweredTurn turn)> keep_;  // may be empty
  Reservation texts_, pictures_;
};

// An error before there is an answer to be sent; what is internal is logged.
void fail(const ResponderPtr& responder, const Error& error, Stage stage,
          const std::string& request_id);

}  // namespace oc::http
