// The routes of the program: what is served at which path, over models that may still be loading.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "api/answer_store.h"
#include "api/chat_request.h"
#include "api/status_json.h"
#include "base/memory_budget.h"
#include "http/backend.h"
#include "http/fetchers.h"
#include "http/metrics.h"
#include "http/model_source.h"
#include "http/pulls.h"
#include "http/router.h"
#include "http/server.h"
#include "http/work_pool.h"
#include "runtime/ending.h"

namespace oc::http {

class AnswerSender;

struct AppOptions {
  ChatLimits chat;
  std::chrono::milliseconds ping_every{10'000};  // silence in a stream
  std::chrono::milliseconds time_limit{0};       // of one answer, unless the model says; 0: none
  std::shared_ptr<MemoryBudget> memory;          // decoded pictures count against it; required
  std::string version;                           // of the program
  bool shared_cache = false;                     // one cache for all keys
  std::size_t kept_answers = 0;                  // bytes of answers that clients may come back to
  // What comes before a request is accepted is told of from here on, if it is to be told of: what
  // is refused sooner has its status.
  std::chrono::milliseconds progress_after{500};
  int decoders = 0;  // threads that decode pictures; 0: one a core
  // What chat.sources points to; null: pictures come with requests only.
  std::shared_ptr<const PictureSources> sources;
  std::shared_ptr<const Ending> ending;  // of the process; may be null
  hub::BackgroundPull::Work pull;        // empty: hub::pull
};

// Any thread. Outlives the server that runs its routes. An answer under way keeps it alive: end
// with finish(), or a backend's thread may be the one to destroy the backend.
class App : public std::enable_shared_from_this<App> {
 public:
  explicit App(AppOptions options);

  // From now on requests are answered by these models; null: loading.
  void set_models(std::shared_ptr<ModelSource> models);
  std::shared_ptr<ModelSource> models() const;
  // When the servers have gone: waits for what is being decoded for nobody, and lets the models go.
  void finish();
  // None before the first model is ready.
  std::optional<ServedModel> active() const;
  const AppOptions& options() const { return options_; }
  // What it tells of itself, but for what takes a look at the whole process.
  ServerState state() const;

  Router routes();
  ServerHooks hooks();
  // Where the dialects are spoken, and POST routes at which they are asked (api/registry.h).
  void add_dialects(Router& router);
  // GET /v1/models, and one of them.
  void add_model_lists(Router& router);
  // One more such route.
  void add_chat(Router& router, std::string_view path, const Dialect& dialect,
                bool any_type = false);
  // Shared by all routes that bring models.
  std::shared_ptr<PullRoutes> pulls();

 private:
  struct Question;
  using QuestionPtr = std::shared_ptr<Question>;
  using Step = void (App::*)(const QuestionPtr& question);
  // Worker thread.
  void chat(const Dialect& dialect, const RequestPtr& request, const ResponderPtr& responder,
            PlanWriter plan = nullptr);
  void find_model(const QuestionPtr& question, ModelSource& source);
  void take_step(const QuestionPtr& question, Step step);
  void begin(const QuestionPtr& question);
  // Where nothing is asked of the model.
  void unload(const QuestionPtr& question, ModelSource& source) const;
  void step_done(const QuestionPtr& question, const ServedModel& model) const;
  void fetch_later(const QuestionPtr& question);
  void fetch_next(const QuestionPtr& question);
  void take_images(const QuestionPtr& question);
  void decode_next(const QuestionPtr& question);
  void answer(const QuestionPtr& question);
  void plan(const QuestionPtr& question);
  // Engine's thread, or another that knows the answer.
  void send(const std::shared_ptr<AnswerSender>& sender, GenerateResult result);
  void add_kept_answers(Router& router);
  ServerState full_state() const;
  void health(const ResponderPtr& responder) const;
  void load(const RequestPtr& request, const ResponderPtr& responder) const;
  void list_models(const RequestPtr& request, const ResponderPtr& responder) const;
  void stats(const ResponderPtr& responder) const;
  void status(const ResponderPtr& responder) const;
  void ui_config(const ResponderPtr& responder) const;
  void metrics(const ResponderPtr& responder) const;

  const AppOptions options_;
  const std::shared_ptr<AnswerStore> answers_;
  Metrics metrics_;
  mutable std::mutex mutex_;
  std::shared_ptr<ModelSource> models_;
  std::shared_ptr<PullRoutes> pulls_;
  std::atomic<std::size_t> connections_{0};
  WorkPool pool_;                     // these last: what they do uses the others
  std::optional<Fetchers> fetchers_;  // wait for pictures from elsewhere, where there are any
};

}  // namespace oc::http
