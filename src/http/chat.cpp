// POST /v1/chat/completions: parse and decode here (worker thread), answer from the engine's
// thread.
#include <fmt/format.h>

#include <algorithm>

#include "api/openai_response.h"
#include "api/original_fields.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/access.h"
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
  ServedModel model;
  ChunkWriter chunks;
  bool stream = false, include_usage = false, logprobs = false;
  Reservation pictures;

  Answer(AnswerHead head_in, bool include_usage_in)
      : head(head_in),
        chunks(std::move(head_in), include_usage_in),
        include_usage(include_usage_in) {}

  void piece(const AnswerPiece& piece) const { responder->write(sse_event(chunks.piece(piece))); }

  void done(const GenerateResult& result) const {
    if (result.warning)
      log::event(log::Level::kWarning, "answer", {{"warning", *result.warning}}, id);
    if (!stream) {
      Response response = json_response(
          with_original_fields(completion_json(head, result, logprobs), model, result));
      response.headers.emplace_back("x-ocellus-cache", result.cached ? "hit" : "miss");
      responder->respond(std::move(response));
      return;
    }
    std::string end;
    for (std::size_t i = 0; i < result.more.size(); ++i)
      end += sse_event(chunks.finish_more(result.more[i], i + 1));
    end += sse_event(chunks.finish(result));
    if (include_usage) end += sse_event(chunks.usage(result));
    end += kSseDone;
    responder->write(std::move(end));
    responder->finish();
  }
};

// The longest answer that any model of the server could give; 0: one is not known.
std::int64_t longest_context(const std::vector<ServedModel>& models) {
  std::int64_t longest = 0;
  for (const ServedModel& model : models) {
    if (model.context_length == 0) return 0;
    longest = std::max(longest, model.context_length);
  }
  return longest;
}

Result<void> check_length(const GenerateRequest& request, const ServedModel& model) {
  if (!request.max_tokens || model.context_length == 0 ||
      *request.max_tokens <= model.context_length)
    return {};
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("\"max_tokens\" must be an integer from 1 to {} for this model",
                           model.context_length),
               "", "max_tokens"};
}

}  // namespace

// A request on its way to a model that may have to be loaded first.
struct App::Question {
  RequestPtr request;
  ResponderPtr responder;
  ChatRequest chat;
  std::optional<std::chrono::steady_clock::time_point> deadline;
};

void App::chat(const RequestPtr& request, const ResponderPtr& responder) {
  if (responder->closed()) return;
  const auto source = models();
  if (!source || !source->active())
    return fail(responder, refuse(Refusal::kNotReady, "the model is being loaded"));
  ChatLimits limits = options_.chat;
  limits.context_length = longest_context(source->models());
  RequestDefaults defaults;  // of the model that the body names
  limits.sampling = [&](const std::string& name) {
    defaults = source->defaults(name);
    return defaults.sampling;
  };
  const Stopwatch parsing;
  auto parsed = parse_chat_request(request->body, limits);
  if (!parsed) return fail(responder, parsed.error(), Stage::kRequest, request->id);
  if (request->guest && source->loads(parsed->model))
    return fail(responder,
                refuse(Refusal::kOriginNotAllowed,
                       "this page may only ask models that are loaded; --cors-origin allows more",
                       "model"));
  if (!request->admin && source->loads(parsed->model))
    return fail(responder,
                refuse(Refusal::kNotAdmin,
                       "the model is not loaded, and this server loads models for an admin key "
                       "only: Authorization: Bearer KEY; or leave \"model\" out",
                       "model"));
  auto question =
      std::make_shared<Question>(Question{request, responder, std::move(*parsed), std::nullopt});
  const std::string name = question->chat.model;
  log::step("parsed", request->id, "bytes", request->body.size(), "messages",
            question->chat.generate.messages.size(), "ms", parsing.ms());
  const auto limit = defaults.time_limit.value_or(options_.time_limit);
  if (limit.count() > 0) question->deadline = std::chrono::steady_clock::now() + limit;
  // What goes wrong must stay with this request, also on the thread that loads models.
  source->find(name, [question, waiting = Stopwatch(),
                      self = shared_from_this()](Result<std::shared_ptr<Backend>> found) {
    const ResponderPtr& to = question->responder;
    const std::string& id = question->request->id;
    if (!found) return fail(to, found.error(), Stage::kRequest, id);
    log::step("model", id, "name", (*found)->model().name, "waited_ms", waiting.ms());
    try {
      self->answer(question, *found);
    } catch (const std::exception& failure) {
      fail(to, {ErrorCode::kInternal, failure.what()}, Stage::kAnswer, id);
    }
  });
}

// On the worker, or on the thread that has loaded the model for it.
void App::answer(const std::shared_ptr<Question>& question,
                 const std::shared_ptr<Backend>& backend) {
  const auto& [request, responder, chat, deadline] = *question;
  ChatRequest* const parsed = &question->chat;
  const RequestDefaults& defaults = backend->model().defaults;
  apply_defaults(defaults, *parsed);
  if (auto checked = check_length(chat.generate, backend->model()); !checked)
    return fail(responder, checked.error(), Stage::kRequest, request->id);

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
  Reservation pictures(options_.memory, request->id);
  if (!pictures.grow_to(*bytes))
    return fail(responder,
                refuse(Refusal::kBusy, "the server holds as many pictures as it may; try later"));
  const Stopwatch decoding;
  if (auto decoded = decode_images(*parsed, options_.image, defaults.pictures); !decoded)
    return fail(responder, decoded.error(), Stage::kImage, request->id);
  for (const RequestImage& picture : parsed->generate.images)
    log::step("decode", request->id, "width", picture.image->width, "height",
              picture.image->height, "all_ms", decoding.ms());
  if (responder->closed()) return;

  GenerateRequest generate = std::move(parsed->generate);
  generate.id = request->id;
  // What one key's holder asked must not show in how fast another's answers come.
  generate.client = client_of(*request);
  // A guest may be a page of any site: it is not told what others have asked, not even by time.
  if (!options_.shared_cache || request->guest) generate.cache_scope = generate.client;
  generate.deadline = deadline;
  AnswerHead head = make_answer_head(backend->model(), random_id("chatcmpl-"), unix_seconds());
  head.warning = warning_of(*parsed);
  if (!head.warning.empty())
    log::event(log::Level::kDebug, "request", {{"warning", head.warning}}, request->id);
  auto answer = std::make_shared<Answer>(std::move(head), parsed->include_usage);
  answer->model = backend->model();
  answer->id = request->id;
  answer->responder = responder;
  answer->stream = parsed->stream;
  answer->logprobs = generate.logprobs;
  answer->pictures = std::move(pictures);
  Service::OnText on_text;
  if (answer->stream) {
    StreamOffer offer;
    offer.head.content_type = "text/event-stream; charset=utf-8";
    offer.head.headers.emplace_back("X-Accel-Buffering", "no");
    for (int i = 0; i < generate.n; ++i)
      offer.preamble += sse_event(answer->chunks.role(static_cast<std::size_t>(i)));
    offer.ping = std::string(kSsePing);
    offer.ping_every = options_.ping_every;
    responder->offer_stream(std::move(offer));
    on_text = [answer](const AnswerPiece& piece) { answer->piece(piece); };
  }
  auto on_done = [answer, self = shared_from_this()](Result<GenerateResult> result) {
    if (!result) return fail(answer->responder, result.error(), Stage::kAnswer, answer->id);
    self->metrics_.count_answer(*result);
    answer->done(*result);
  };
  auto job = backend->submit(std::move(generate), std::move(on_text), std::move(on_done));
  if (!job) return fail(responder, job.error(), Stage::kAnswer, request->id);
  responder->on_closed([job = *job] { job->cancel(); });
}

}  // namespace oc::http
