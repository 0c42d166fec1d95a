// A question in any dialect: parse (worker thread), take in the pictures (chat_images.cpp), and
// answer (the engine's thread).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/system/heap.h"
#include "http/access.h"
#include "http/large_body.h"
#include "http/question.h"
#include "http/request_id.h"
#include "runtime/library/client_name.h"

namespace oc::http {
namespace {

// The longest answer that any model of the server could give; 0: one is not known.
std::int64_t longest_context(const std::vector<ServedModel>& models) {
  std::int64_t longest = 0;
  for (const ServedModel& model : models) {
    if (model.context_length == 0) return 0;
    longest = std::max(longest, model.context_length);
  }
  return longest;
}

// A plan loads no model; one that is not there is found missing as by a question.
std::optional<Error> check_loaded(const ModelSource& source, const std::string& name) {
  const std::vector<ServedModel> known = source.models();
  const std::string meant = source.listed_name(name);
  // The active one may have been let go of, too.
  const bool let_go = std::ranges::any_of(known, [&](const ServedModel& model) {
    return (name.empty() ? model.active : model.name == meant) && model.state == "absent";
  });
  if (!let_go && !source.loads(name)) return std::nullopt;
  if (!let_go &&
      std::ranges::none_of(known, [&](const auto& model) { return model.answers_to(name); }) &&
      std::ranges::count(source.installed(), name) == 0)
    return std::nullopt;
  return Error{ErrorCode::kUnavailable, "the model is not loaded, and a plan loads none",
               "ask it something: it is loaded then", "model"};
}

// Those that may be asked without loading any; the operator's aliases are among them.
std::vector<std::string> loaded_names(const ModelSource& source) {
  std::vector<std::string> out;
  for (ServedModel& model : source.models())
    if (!source.loads(model.name)) out.push_back(std::move(model.name));
  for (ModelAlias& alias : source.aliases())
    if (!source.loads(alias.model)) out.push_back(std::move(alias.name));
  return out;
}

// A guest may be a page of any site: it has nothing fetched and no file read.
std::optional<ApiError> check_sources(const Request& request, const ChatRequest& chat) {
  const EncodedImage* image = next_to_fetch(chat);
  if (!request.guest || image == nullptr) return std::nullopt;
  return refuse(Refusal::kOriginNotAllowed,
                "this page may only send pictures themselves, as data:image/...;base64,...; "
                "--cors-origin allows more",
                image->param);
}

// Where a model lacks what is asked of it: which of the server's models have it.
std::string who_does(const std::vector<ServedModel>& models, const Task& task) {
  std::vector<std::string_view> names;
  for (const ServedModel& model : models)
    if (check_task(model.tasks, task).ok()) names.push_back(model.name);
  if (names.empty()) return "none of the models that are loaded here does it";
  return fmt::format("of the models that are loaded here {} {}", fmt::join(names, ", "),
                     names.size() == 1 ? "does it" : "do it");
}

// Nothing is thrown into the thread that answers.
template <class Step>
void or_fail(AnswerSender& sender, const Step& step) {
  try {
    step();
  } catch (const std::exception& failure) {
    sender.fail(thrown(failure), Stage::kAnswer);
  }
}

}  // namespace

std::optional<ApiError> check_loading(const Request& request, const ModelSource& source,
                                      const std::string& model, std::string_view key_header) {
  if ((!request.guest && request.admin) || !source.loads(model)) return std::nullopt;
  if (request.guest)
    return refuse(Refusal::kOriginNotAllowed,
                  "this page may only ask models that are loaded; --cors-origin allows more",
                  "model");
  return refuse(Refusal::kNotAdmin,
                fmt::format("the model is not loaded, and this server loads models for an admin "
                            "key only: {}; or leave \"model\" out; {}",
                            key_header, names_instead(model, loaded_names(source))),
                "model");
}

void App::chat(const Dialect& dialect, const RequestPtr& request, const ResponderPtr& responder,
               PlanWriter plan) {
  if (responder->closed()) return;
  const auto source = models();
  if (!source || !source->active())
    return void(responder->fail(refuse(Refusal::kNotReady, "the model is being loaded")));
  const std::size_t bytes = request->body.size();
  const LargeBody large(bytes);
  const auto question = std::make_shared<Question>(dialect, request, responder, plan);
  ChatLimits limits = options_.chat;
  limits.context_length = longest_context(source->models());
  limits.max_kept_bytes = answers_->max_bytes();
  if (answers_->enabled())
    limits.earlier = [this, client = owner_of(*request)](std::string_view id) {
      return answers_->turn(client, id);
    };
  const Stopwatch parsing;
  auto parsed = dialect.parse(std::move(request->body), limits, request->memory);
  if (!parsed) return question->fail(parsed.error(), Stage::kRequest);
  question->chat = *std::move(parsed);
  question->chat.model = source->resolve(question->chat.model);
  if (plan == nullptr && question->chat.include_progress)
    question->progress.emplace(responder, dialect, options_.progress_after, options_.ping_every);
  if (const auto refused = check_sources(*request, question->chat))
    return void(responder->fail(*refused));
  if (plan != nullptr)
    if (const auto absent = check_loaded(*source, question->chat.model))
      return question->fail(*absent, Stage::kRequest);
  if (question->chat.instead == ModelStep::kUnload) return unload(question, *source);
  if (const auto refused =
          check_loading(*request, *source, question->chat.model, dialect.key_header()))
    return void(responder->fail(*refused));
  log::step("parsed", request->id, "bytes", bytes, "messages",
            question->chat.generate.messages.size(), "ms", parsing.ms());
  find_model(question, *source);
}

// The time limit holds from here on, the wait for the model included.
void App::find_model(const QuestionPtr& question, ModelSource& source) {
  const std::string name = question->chat.model;
  question->chat.model_note = source.note(name);
  const auto limit = source.defaults(name).time_limit.value_or(options_.time_limit);
  if (limit.count() > 0) question->interrupt.deadline = std::chrono::steady_clock::now() + limit;
  source.find(name, [question, worker = std::this_thread::get_id(), waiting = Stopwatch(),
                     self = shared_from_this()](Result<std::shared_ptr<Backend>> found) {
    if (!found) return question->fail(found.error(), Stage::kRequest);
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
  if (question->responder->closed()) return;
  try {
    (this->*step)(question);
  } catch (const std::exception& failure) {
    question->fail(thrown(failure), Stage::kAnswer);
  }
}

void App::step_done(const QuestionPtr& question, const ServedModel& model) const {
  const std::string warning = warning_of(question->chat);
  const auto writer = question->dialect.writer(
      question->chat, {.model = model, .id = "", .created = unix_seconds(), .warning = warning});
  question->responder->respond(json_response(writer->whole({})));
}

// By whoever may have it loaded.
void App::unload(const QuestionPtr& question, ModelSource& source) const {
  const Request& request = *question->request;
  if (request.guest || !request.admin)
    return void(question->responder->fail(
        refuse(request.guest ? Refusal::kOriginNotAllowed : Refusal::kNotAdmin,
               "this server unloads models for an admin key only", "keep_alive")));
  const auto gone = source.unload(question->chat.model);
  if (!gone.ok()) return question->fail(gone.error(), Stage::kRequest);
  step_done(question, source.active().value_or(ServedModel()));
}

void App::begin(const QuestionPtr& question) {
  if (question->chat.instead) return step_done(question, question->backend->model());
  if (question->backend->model().name == question->chat.model) question->chat.model_note.clear();
  const auto completed = complete_request(question->chat, question->backend->model());
  if (!completed.ok()) {
    Error error = completed.error();
    const auto source = models();
    const auto& task = question->chat.generate.task;
    if (task && source && error.code == ErrorCode::kUnsupported)
      error.hint += "; " + who_does(source->models(), *task);
    return question->fail(error, Stage::kRequest);
  }
  if (question->chat.images.empty()) return answer(question);
  if (next_to_fetch(question->chat) == nullptr) return take_images(question);
  fetch_later(question);
}

// From here on the sender answers, and holds what the request holds.
void App::Question::begin_answer() {
  const std::string warning = warning_of(chat);
  if (!warning.empty())
    log::event(log::Level::kDebug, "request", {{"warning", warning}}, request->id);
  auto writer = dialect.writer(chat, {.model = backend->model(),
                                      .id = random_id(dialect.id_prefix()),
                                      .created = unix_seconds(),
                                      .warning = warning});
  sender = std::make_shared<AnswerSender>(request->id, responder, std::move(writer), chat.stream,
                                          chat.names);
  if (chat.generate.json_schema) sender->expect_json();
  sender->hold(std::move(request->memory), std::move(pictures));
}

// What the model is asked; nothing of it is left in `chat`.
GenerateRequest App::Question::take_request(const AppOptions& options) {
  GenerateRequest out = std::move(chat.generate);
  out.id = request->id;
  // What one key's holder asked must not show in how fast another's answers come.
  out.client = client_of(*request);
  out.asker = asker_of(*request);
  // A guest may be a page of any site: it is not told what others have asked, not even by time.
  if (!options.shared_cache || request->guest) out.cache_scope = out.client;
  out.deadline = interrupt.deadline;
  out.abandoned = interrupt.cancelled;
  out.memory = options.memory;
  return out;
}

// Nothing is run, and nobody waits for it.
void App::plan(const QuestionPtr& question) {
  const std::string warning = warning_of(question->chat);
  const auto planned = question->backend->plan(question->take_request(options_));
  if (!planned) return question->fail(planned.error(), Stage::kAnswer);
  question->responder->respond(
      json_response(question->planned(question->backend->model().name, *planned, warning)));
}

void App::answer(const QuestionPtr& question) {
  if (question->planned != nullptr) return plan(question);
  question->begin_answer();
  const auto sender = question->sender;
  if (question->chat.turn && question->chat.turn->keep)
    sender->tell([answers = answers_, client = owner_of(*question->request)](AnsweredTurn turn) {
      answers->keep(client, std::move(turn));
    });
  Service::OnText on_text;
  if (question->chat.stream) {
    sender->offer_stream(question->dialect, options_.ping_every);
    on_text = [sender](const AnswerPiece& piece) { sender->piece(piece); };
  }
  auto on_done = [sender, self = shared_from_this()](Result<GenerateResult> result) {
    or_fail(*sender, [&] {
      if (!result) return sender->fail(result.error(), Stage::kAnswer);
      self->send(sender, *std::move(result));
    });
  };
  GenerateRequest wanted = question->take_request(options_);
  if (question->progress) wanted.on_progress = *question->progress;
  auto job = question->backend->submit(std::move(wanted), std::move(on_text), std::move(on_done));
  if (!job) return sender->fail(job.error(), Stage::kAnswer);
  question->responder->on_closed([job = *job] { job->cancel(); });
  sender->shrink_images_to(question->memory.kept);  // they are prepared
}

// JSON that takes long is made elsewhere: others' answers wait for this thread.
void App::send(const std::shared_ptr<AnswerSender>& sender, GenerateResult result) {
  metrics_.count_answer(result);
  constexpr std::size_t kLarge = 1u << 20;
  if (!result.memory || result.memory->bytes() < kLarge) return sender->done(result);
  pool_.post([sender, large = std::make_shared<GenerateResult>(std::move(result))] {
    const LargeBody pages(large->memory->bytes());
    or_fail(*sender, [&] { sender->done(*large); });
  });
}

}  // namespace oc::http
