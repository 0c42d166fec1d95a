// One wire format: how a question is read, and how its answer, and what goes wrong, are written.
// The server knows nothing of a format but this; docs/add-a-dialect.md adds one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/answer_store.h"
#include "api/chat_request.h"
#include "api/errors.h"
#include "api/served_model.h"

namespace oc {

// What is known of an answer before its first token.
struct AnswerStart {
  const ServedModel& model;       // that answers; valid during the call
  std::string id;                 // of the answer: id_prefix() and random letters
  std::int64_t created = 0;       // Unix seconds
  std::string_view warning = {};  // warning_of() the request; valid during the call
};

// Writes one answer: whole(), or head(), any number of piece() and end(). What is appended to `out`
// goes over the wire as it is. One call at a time, from different threads; piece() is called on the
// engine's thread for every token, so it had better be quick.
class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;
  // The body of an answer that is not streamed.
  virtual std::string whole(const GenerateResult& result) = 0;
  // What stands at the beginning of a stream; it may be sent long before the first piece.
  virtual void head(std::string& out) = 0;
  virtual void piece(std::string& out, const AnswerPiece& piece) = 0;
  // Behind all pieces of all answers.
  virtual void end(std::string& out, const GenerateResult& result) = 0;
  // Instead of end(), when something goes wrong behind the head.
  virtual void error(std::string& out, const ApiError& error) = 0;
  // What goes out in silence, where it is the answer's own; empty: the dialect's.
  virtual std::string keep_alive() { return {}; }
  // Behind whole() or end(), once: what is kept of the answer; nullopt: nothing.
  virtual std::optional<AnsweredTurn> kept() { return std::nullopt; }
};

// How a key is shown everywhere.
inline constexpr std::string_view kBearerKey = "Authorization: Bearer KEY";

// Const and shared; lives as long as the program. Any thread.
class Dialect {
 public:
  virtual ~Dialect() = default;

  // The body of an answer that says what went wrong. A dialect that is only this has routes that
  // take no questions.
  virtual std::string error_body(const ApiError& error) const = 0;
  // How its clients show a key, for whoever shows none.
  virtual std::string_view key_header() const { return kBearerKey; }

  // Of the request's body, which is freed as soon as it is read. `memory` holds what the body
  // takes, and afterwards what the request takes. Errors: kInvalidArgument, kUnsupported,
  // kTooLarge, each with the path of the field in param; kMemoryFull.
  virtual Result<ChatRequest> parse(std::string&& body, const ChatLimits& limits,
                                    Reservation& memory) const = 0;
  virtual std::unique_ptr<AnswerWriter> writer(const ChatRequest& request,
                                               AnswerStart start) const = 0;

  virtual std::string_view id_prefix() const = 0;    // of an answer's id: "chatcmpl-"
  virtual std::string_view stream_type() const = 0;  // the Content-Type of a stream
  // Goes out when a stream has been silent for a while; empty: nothing does.
  virtual std::string_view keep_alive() const = 0;
  // What a stream that wants it says of its answer's progress, also before the writer's head(), in
  // such a way that clients which know nothing of it pass over it.
  virtual void append_progress(std::string& out, const AnswerProgress& progress) const = 0;
};

}  // namespace oc
