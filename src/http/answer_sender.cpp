#include "http/answer_sender.h"

#include <exception>
#include <new>
#include <utility>

#include "api/cut_json.h"
#include "base/log.h"
#include "runtime/answer_memory.h"

namespace oc::http {
namespace {

constexpr std::size_t kRoom = 16u << 10;  // for what stands around answers

void log_internal(const Error& error, const std::string& id) {
  if (error.code == ErrorCode::kInternal)
    log::event(log::Level::kError, "internal", {{"message", error.message}}, id);
}

}  // namespace

StreamOffer stream_offer(const Dialect& dialect, std::chrono::milliseconds ping_every) {
  StreamOffer offer;
  offer.head.content_type = dialect.stream_type();
  offer.head.headers.emplace_back("X-Accel-Buffering", "no");
  offer.ping = dialect.keep_alive();
  offer.ping_every = ping_every;
  return offer;
}

Error thrown(const std::exception& failure) {
  if (dynamic_cast<const std::bad_alloc*>(&failure) != nullptr) return out_of_memory();
  return {ErrorCode::kInternal, failure.what()};
}

void fail(const ResponderPtr& responder, const Error& error, Stage stage,
          const std::string& request_id) {
  log_internal(error, request_id);
  responder->fail(to_api_error(error, stage));
}

AnswerSender::AnswerSender(std::string request_id, ResponderPtr responder,
                           std::unique_ptr<AnswerWriter> writer, bool stream, FieldNames names)
    : id_(std::move(request_id)),
      responder_(std::move(responder)),
      writer_(std::move(writer)),
      stream_(stream),
      names_(std::move(names)) {}

void AnswerSender::hold(Reservation texts, Reservation pictures) {
  texts_ = std::move(texts);
  pictures_ = std::move(pictures);
}

void AnswerSender::offer_stream(const Dialect& dialect, std::chrono::milliseconds ping_every) {
  StreamOffer offer = stream_offer(dialect, ping_every);
  if (std::string own = writer_->keep_alive(); !own.empty()) offer.ping = std::move(own);
  writer_->head(offer.preamble);
  std::string preamble = offer.preamble;
  if (!responder_->offer_stream(std::move(offer))) responder_->write(std::move(preamble));
}

void AnswerSender::piece(const AnswerPiece& piece) {
  if (piece.whole) return known_.push_back(piece.choice);  // those: in done()
  std::string bytes;
  writer_->piece(bytes, piece);
  responder_->write(std::move(bytes));
}

void AnswerSender::done(GenerateResult& result) {
  if (const std::string warning = warning_with_all("", result); !warning.empty())
    log::event(log::Level::kWarning, "answer", {{"warning", warning}}, id_);
  if (json_) warn_of_cut_json(result, names_);
  if (stream_)
    end_stream(result);
  else
    send_whole(result);
}

void AnswerSender::send_whole(GenerateResult& result) {
  Response response = json_response(writer_->whole(result));
  keep();
  response.headers.emplace_back("x-ocellus-cache", result.cached ? "hit" : "miss");
  if (result.memory) {
    const std::shared_ptr<Reservation> memory = std::move(result.memory);
    result = {};  // nobody needs the values any more
    memory->shrink_to(response.body.capacity());
    response.memory = memory;
  }
  responder_->respond(std::move(response));
}

void AnswerSender::keep() {
  if (!keep_) return;
  if (auto turn = writer_->kept()) keep_(*std::move(turn));
}

void AnswerSender::end_stream(GenerateResult& result) {
  std::string end;
  // Known answers are sent in one go: their reader is not slow when it has not read the first.
  if (result.cached) end.reserve(memory_of(result).json + kRoom);
  for (const std::size_t choice : known_) {
    const Answer& answer = choice == 0 ? result : result.more[choice - 1];
    if (answer.text.empty() && answer.logprobs.empty()) continue;
    writer_->piece(
        end, {.text = answer.text, .choice = choice, .tokens = answer.logprobs, .whole = true});
  }
  writer_->end(end, result);
  keep();
  result = {};  // from here on the exchange counts what is sent
  responder_->write(std::move(end));
  responder_->finish();
}

void AnswerSender::fail(const Error& error, Stage stage) {
  log_internal(error, id_);
  const ApiError told = to_api_error(names_.in_their_words(error), stage);
  if (responder_->fail(told)) return;
  std::string last;
  writer_->error(last, told);
  responder_->write(std::move(last));
  responder_->finish();
}

}  // namespace oc::http
