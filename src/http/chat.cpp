// POST /v1/chat/completions: parse (worker thread), decode the pictures (the pool's threads), and
// answer (the engine's thread).
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>
#include <thread>

#include "api/openai/chat_response.h"
#include "api/openai/error_body.h"
#include "api/openai/request_pictures.h"
#include "api/original_fields.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "http/access.h"
#include "http/app.h"
#include "http/request_id.h"
#include "http/sse.h"
#include "runtime/answer_memory.h"

namespace oc::http {
namespace {

void fail(const ResponderPtr& responder, const ApiError& error) {
  if (responder->respond(error_response(error))) return;
  // The stream has begun: the failure becomes its last event, never a silent end.
  responder->write(sse_event(openai_error_body(error)) + std::string(kSseDone));
  responder->finish();
}

void fail(const ResponderPtr& responder, const Error& error, Stage stage, const std::string& id) {
  if (error.code == ErrorCode::kInternal)
    log::event(log::Level::kError, "internal", {{"message", error.message}}, id);
  fail(responder, to_api_error(error, stage));
}

// What was thrown while a request was worked on, as its error.
Error thrown(const std::exception& failure) {
  if (dynamic_cast<const std::bad_alloc*>(&failure) != nullptr) return out_of_memory();
  return {ErrorCode::kInternal, failure.what()};
}

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Behind everything else that a large body, or answer, has led to, in the order in which scopes
// end.
class LargeBody {
 public:
  explicit LargeBody(std::size_t bytes) : large_(bytes >= kLarge) {}
  ~LargeBody() {
    if (large_) heap::give_back_free_pages();
  }

 private:
  static constexpr std::size_t kLarge = 8u << 20;
  const bool large_;
};

// What the engine's thread needs to answer one request.
struct Answer {
  std::string id;  // of the request
  ResponderPtr responder;
  AnswerHead head;
  ServedModel model;
  ChunkWriter chunks;
  bool stream = false, include_usage = false, logprobs = false;
  Reservation texts, pictures;  // what the request holds while it waits and runs

  Answer(AnswerHead head_in, bool include_usage_in)
      : head(head_in),
        chunks(std::move(head_in), include_usage_in),
        include_usage(include_usage_in) {}

  void piece(const AnswerPiece& piece) const {
    if (!piece.whole) responder->write(sse_event(chunks.piece(piece)));  // those: in done()
  }

  // Leaves nothing of the result but what it takes to send it.
  void done(GenerateResult& result) const {
    if (result.warning)
      log::event(log::Level::kWarning, "answer", {{"warning", *result.warning}}, id);
    if (!stream) {
      Response response = json_response(
          with_original_fields(completion_json(head, result, logprobs), model, result));
      response.headers.emplace_back("x-ocellus-cache", result.cached ? "hit" : "miss");
      if (result.memory) {
        const std::shared_ptr<Reservation> memory = std::move(result.memory);
        result = {};  // nobody needs the values any more
        memory->shrink_to(response.body.capacity());
        response.memory = memory;
      }
      responder->respond(std::move(response));
      return;
    }
    std::string end;
    // Known answers are sent in one go: their reader is not slow when it has not read the first.
    if (result.cached) {
      end.reserve(memory_of(result).json + kRoom);
      append(end, result, 0);
      for (std::size_t i = 0; i < result.more.size(); ++i) append(end, result.more[i], i + 1);
    }
    for (std::size_t i = 0; i < result.more.size(); ++i)
      end += sse_event(chunks.finish_more(result.more[i], i + 1));
    end += sse_event(chunks.finish(result));
    if (include_usage) end += sse_event(chunks.usage(result));
    end += kSseDone;
    result = {};  // from here on the exchange counts what is sent
    responder->write(std::move(end));
    responder->finish();
  }

 private:
  static constexpr std::size_t kRoom = 16u << 10;  // for what stands around answers

  void append(std::string& out, const oc::Answer& answer, std::size_t choice) const {
    out += "data: ";
    chunks.append_piece(
        out, {.text = answer.text, .choice = choice, .tokens = answer.logprobs, .whole = true});
    out += "\n\n";
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

ApiError busy() {
  return refuse(Refusal::kBusy, "the server holds as many pictures as it may; try later");
}

}  // namespace

// A request on its way to a model that may have to be loaded first.
struct App::Question {
  RequestPtr request;
  ResponderPtr responder;
  ChatRequest chat;
  Interrupt interrupt;
  std::shared_ptr<Backend> backend = nullptr;
  PictureMemory memory = {};
  Reservation pictures = {};
};

void App::chat(const RequestPtr& request, const ResponderPtr& responder) {
  if (responder->closed()) return;
  const auto source = models();
  if (!source || !source->active())
    return fail(responder, refuse(Refusal::kNotReady, "the model is being loaded"));
  const std::size_t bytes = request->body.size();
  const LargeBody large(bytes);
  ChatLimits limits = options_.chat;
  limits.context_length = longest_context(source->models());
  RequestDefaults defaults;  // of the model that the body names
  limits.sampling = [&](const std::string& name) {
    defaults = source->defaults(name);
    return defaults.sampling;
  };
  const Stopwatch parsing;
  auto parsed = parse_chat_request(std::move(request->body), limits, request->memory);
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
  auto question = std::make_shared<Question>(Question{
      request, responder, std::move(*parsed), {[responder] { return responder->closed(); }}});
  const std::string name = question->chat.model;
  log::step("parsed", request->id, "bytes", bytes, "messages",
            question->chat.generate.messages.size(), "ms", parsing.ms());
  const auto limit = defaults.time_limit.value_or(options_.time_limit);
  if (limit.count() > 0) question->interrupt.deadline = std::chrono::steady_clock::now() + limit;
  source->find(name, [question, worker = std::this_thread::get_id(), waiting = Stopwatch(),
                      self = shared_from_this()](Result<std::shared_ptr<Backend>> found) {
    if (!found)
      return fail(question->responder, found.error(), Stage::kRequest, question->request->id);
    question->backend = *std::move(found);
    log::step("model", question->request->id, "name", question->backend->model().name, "waited_ms",
              waiting.ms());
    // Words alone are answered at once; the thread that has loaded a model loads the next one.
    if (question->chat.images.empty() && worker == std::this_thread::get_id())
      return self->take_step(question, &App::begin);
    self->pool_.post([question, self] { self->take_step(question, &App::begin); });
  });
}

// What goes wrong stays with this request.
void App::take_step(const QuestionPtr& question, Step step) {
  const ResponderPtr& to = question->responder;
  const std::string& id = question->request->id;
  if (to->closed()) return;
  try {
    (this->*step)(question);
  } catch (const std::exception& failure) {
    fail(to, thrown(failure), Stage::kAnswer, id);
  }
}

// Pictures are counted before they are decoded, so that many of them cannot fill memory.
void App::begin(const QuestionPtr& question) {
  const auto refused = [&](const Error& error, Stage stage) {
    fail(question->responder, error, stage, question->request->id);
  };
  const RequestDefaults& defaults = question->backend->model().defaults;
  apply_defaults(defaults, question->chat.generate);
  if (auto checked = check_length(question->chat.generate, question->backend->model()); !checked)
    return refused(checked.error(), Stage::kRequest);
  if (question->chat.images.empty()) return answer(question);
  auto memory = pictures_memory(question->chat, options_.image, defaults.pictures);
  if (!memory) return refused(memory.error(), Stage::kImage);
  question->memory = *memory;
  // The pictures as they came are counted with the decoded ones from now on, and not twice: what
  // fits alone is never told to wait.
  Reservation& texts = question->request->memory;
  texts.shrink_to(held_bytes(question->chat) - encoded_bytes(question->chat));
  if (memory->most > options_.memory->limit() - texts.bytes())
    return refused({ErrorCode::kTooLarge,
                    fmt::format("the pictures take {} bytes while they are decoded, over the limit "
                                "of {}",
                                memory->most, options_.memory->limit()),
                    "send fewer or smaller ones", "messages"},
                   Stage::kImage);
  question->pictures = Reservation(options_.memory, question->request->id);
  if (!question->pictures.grow_to(memory->most)) return fail(question->responder, busy());
  decode_picture(question);
}

// One picture, then others' come first.
void App::decode_picture(const QuestionPtr& question) {
  const RequestDefaults& defaults = question->backend->model().defaults;
  const Stopwatch watch;
  const auto decoded =
      decode_next_picture(question->chat, options_.image, defaults.pictures, question->interrupt);
  metrics_.count_picture(decoded);
  if (!decoded) {
    if (decoded.error().code == ErrorCode::kUnavailable) throw std::bad_alloc();
    return fail(question->responder, decoded.error(), Stage::kImage, question->request->id);
  }
  if (!*decoded) return answer(question);
  const Image& picture = *question->chat.generate.images.back().image;
  log::step("decode", question->request->id, "width", picture.width, "height", picture.height, "ms",
            watch.ms());
  pool_.post(
      [question, self = shared_from_this()] { self->take_step(question, &App::decode_picture); });
}

void App::answer(const QuestionPtr& question) {
  const RequestPtr& request = question->request;
  const ResponderPtr& responder = question->responder;
  const std::shared_ptr<Backend>& backend = question->backend;
  GenerateRequest generate = std::move(question->chat.generate);
  generate.id = request->id;
  // What one key's holder asked must not show in how fast another's answers come.
  generate.client = client_of(*request);
  // A guest may be a page of any site: it is not told what others have asked, not even by time.
  if (!options_.shared_cache || request->guest) generate.cache_scope = generate.client;
  generate.deadline = question->interrupt.deadline;
  generate.abandoned = question->interrupt.cancelled;
  generate.memory = options_.memory;
  AnswerHead head = make_answer_head(backend->model(), random_id("chatcmpl-"), unix_seconds());
  head.warning = warning_of(question->chat);
  if (!head.warning.empty())
    log::event(log::Level::kDebug, "request", {{"warning", head.warning}}, request->id);
  auto answer = std::make_shared<Answer>(std::move(head), question->chat.include_usage);
  answer->model = backend->model();
  answer->id = request->id;
  answer->responder = responder;
  answer->stream = question->chat.stream;
  answer->logprobs = generate.logprobs;
  answer->texts = std::move(request->memory);
  answer->pictures = std::move(question->pictures);
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
    try {
      if (!result) return fail(answer->responder, result.error(), Stage::kAnswer, answer->id);
      self->metrics_.count_answer(*result);
      // JSON that takes long is made elsewhere: others' answers wait for this thread.
      constexpr std::size_t kLarge = 1u << 20;
      if (!result->memory || result->memory->bytes() < kLarge) return answer->done(*result);
      self->pool_.post([answer, large = std::make_shared<GenerateResult>(*std::move(result))] {
        const LargeBody pages(large->memory->bytes());
        try {
          answer->done(*large);
        } catch (const std::exception& failure) {
          fail(answer->responder, thrown(failure), Stage::kAnswer, answer->id);
        }
      });
    } catch (const std::exception& failure) {  // must not reach the engine's thread
      fail(answer->responder, thrown(failure), Stage::kAnswer, answer->id);
    }
  };
  auto job = backend->submit(std::move(generate), std::move(on_text), std::move(on_done));
  if (!job) return fail(responder, job.error(), Stage::kAnswer, request->id);
  responder->on_closed([job = *job] { job->cancel(); });
  answer->pictures.shrink_to(question->memory.kept);  // they are prepared
}

}  // namespace oc::http
