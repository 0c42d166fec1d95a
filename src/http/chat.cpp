// POST /v1/chat/completions: parse and decode here (worker thread), answer from the engine's
// thread.
#include <fmt/format.h>

#include "api/openai_response.h"
#include "base/log.h"
#include "http/app.h"
#include "http/request_id.h"
#include "http/sse.h"

namespace oc::http {
namespace {

void fail(const ResponderPtr& responder, const ApiError& error) {
  if (responder->respond(error_response(error))) return;
  // The stream has begun: the failure becomes its last event, never a silent end.
  responder->write(sse_event(error_body(error)) + std::string(kSseDone));
  responder->finish();
}

void fail(const ResponderPtr& responder, const Error& error, Stage stage, const std::string& id) {
  if (error.code == ErrorCode::kInternal)
    log::event(log::Level::kError, "internal", {{"message", error.message}}, id);
  fail(responder, to_api_error(error, stage));
}

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// What the engine's thread needs to answer one request.
struct Answer {
  std::string id;  // of the request
  ResponderPtr responder;
  AnswerHead head;
  ChunkWriter chunks;
  bool stream = false, include_usage = false;
  Reservation pictures;

  Answer(AnswerHead head_in, bool include_usage_in)
      : head(head_in),
        chunks(std::move(head_in), include_usage_in),
        include_usage(include_usage_in) {}

  void text(std::string_view piece) const { responder->write(sse_event(chunks.text(piece))); }

  void done(const GenerateResult& result) const {
    if (result.warning)
      log::event(log::Level::kWarning, "answer", {{"warning", *result.warning}}, id);
    if (!stream) {
      Response response = json_response(completion_json(head, result));
      response.headers.emplace_back("x-ocellus-cache", result.cached ? "hit" : "miss");
      responder->respond(std::move(response));
      return;
    }
    std::string end = sse_event(chunks.finish(result));
    if (include_usage) end += sse_event(chunks.usage(result));
    end += kSseDone;
    responder->write(std::move(end));
    responder->finish();
  }
};

}  // namespace

void App::chat(const RequestPtr& request, const ResponderPtr& responder) {
  if (responder->closed()) return;
  const auto current = backend();
  if (!current) return fail(responder, refuse(Refusal::kNotReady, "the model is being loaded"));
  ChatLimits limits = options_.chat;
  limits.context_length = current->model().context_length;
  auto parsed = parse_chat_request(request->body, limits);
  if (!parsed) return fail(responder, parsed.error(), Stage::kRequest, request->id);
  if (!current->model().answers_to(parsed->model))
    return fail(responder,
                {ErrorCode::kNotFound, "there is no model of this name",
                 fmt::format("this server has \"{}\"", current->model().name), "model"},
                Stage::kRequest, request->id);

  // Pictures are counted before they are decoded, so that a queue full of them cannot fill memory.
  auto bytes = decoded_bytes(*parsed, options_.image);
  if (!bytes) return fail(responder, bytes.error(), Stage::kImage, request->id);
  if (*bytes > options_.memory->limit())
    return fail(responder,
                {ErrorCode::kTooLarge,
                 fmt::format("the pictures take {} bytes when decoded, over the limit of {}",
                             *bytes, options_.memory->limit()),
                 "send fewer or smaller ones", "messages"},
                Stage::kImage, request->id);
  Reservation pictures(options_.memory);
  if (!pictures.grow_to(*bytes))
    return fail(responder,
                refuse(Refusal::kBusy, "the server holds as many pictures as it may; try later"));
  if (auto decoded = decode_images(*parsed, options_.image); !decoded)
    return fail(responder, decoded.error(), Stage::kImage, request->id);
  if (responder->closed()) return;

  GenerateRequest generate = std::move(parsed->generate);
  generate.id = request->id;
  // What one key's holder asked must not show in how fast another's answers come.
  if (!options_.shared_cache) generate.owner = request->header("authorization");
  if (options_.time_limit.count() > 0)
    generate.deadline = std::chrono::steady_clock::now() + options_.time_limit;
  auto answer = std::make_shared<Answer>(
      make_answer_head(current->model(), random_id("chatcmpl-"), unix_seconds()),
      parsed->include_usage);
  answer->id = request->id;
  answer->responder = responder;
  answer->stream = parsed->stream;
  answer->pictures = std::move(pictures);
  Service::OnText on_text;
  if (answer->stream) {
    StreamOffer offer;
    offer.head.content_type = "text/event-stream; charset=utf-8";
    offer.head.headers.emplace_back("X-Accel-Buffering", "no");
    offer.preamble = sse_event(answer->chunks.role());
    offer.ping = std::string(kSsePing);
    offer.ping_every = options_.ping_every;
    responder->offer_stream(std::move(offer));
    on_text = [answer](std::string_view piece) { answer->text(piece); };
  }
  auto on_done = [answer, self = shared_from_this()](Result<GenerateResult> result) {
    if (!result) return fail(answer->responder, result.error(), Stage::kAnswer, answer->id);
    self->metrics_.count_answer(*result);
    answer->done(*result);
  };
  auto job = current->submit(std::move(generate), std::move(on_text), std::move(on_done));
  if (!job) return fail(responder, job.error(), Stage::kAnswer, request->id);
  responder->on_closed([job = *job] { job->cancel(); });
}

}  // namespace oc::http
