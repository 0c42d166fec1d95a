// Several named models in one process: which one is active, which are loaded, and since when nobody
// asked. One thread of its own loads, warms up and frees, one model at a time.
//
//   ModelHost host(options);
//   host.add({.name = "phi", .source = "/models/phi"});
//   host.activate("phi", [](Result<void> r) { … });        // loads beside the one that serves
//   host.acquire("phi", [](Result<LeasePtr> lease) { (*lease)->service().submit(…); });
//
// A lease keeps its model loaded. A switch is one assignment under a lock: whoever has a lease goes
// on with the old model, which is freed when the last one is given back.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/hosting/model_recipe.h"
#include "runtime/serving/service.h"

namespace oc {

// How far the load of a model is. One that is neither read nor quantised first has no figures: it
// is mapped, and there in a moment.
struct LoadProgress {
  std::string_view phase = {};      // "quantizing", "reading"; empty: no figures
  std::size_t done = 0, total = 0;  // bytes
};

enum class ModelState { kAbsent, kLoading, kWarming, kReady, kDraining, kFailed };
std::string_view to_string(ModelState state);  // "absent", "loading", …

// One model as /status, /v1/models and `ocellus ps` tell of it.
struct ModelStatus {
  std::string name;
  std::vector<std::string> aliases;
  ModelState state = ModelState::kAbsent;
  bool active = false;
  std::string why;       // kFailed, or the last failed try beside a state that is fine
  std::string fallback;  // why the full-precision checkpoint answers; empty: it does not
  // Of the last time that it was loaded; created is 0 and info empty where it never was.
  ModelInfo info;
  EngineInfo engine;
  std::int64_t created = 0;  // Unix seconds
  double load_ms = 0;
  LoadProgress loading;   // kLoading
  double loading_s = 0;   // kLoading, kWarming: since it began
  std::size_t bytes = 0;  // of weights, while it is loaded
  std::size_t in_use = 0;
  std::uint64_t requests = 0;
  std::uint64_t loads = 0, failed_loads = 0;  // both checkpoints bad is one that failed
  double idle_s = 0;                          // since the last request ended; 0 while one runs
  double keep_alive_s = 0;                    // idle for so long it is unloaded; 0: never
};

// What a model was given before it was loaded.
struct PlannedModel {
  ServiceOptions service;
  std::size_t bytes = 0;  // that it may take in all
};

struct HostOptions {
  ServiceOptions service;
  bool warm_up = true;
  std::size_t memory_limit = 0;  // bytes of weights of all loaded models; 0: what the machine has
  std::size_t max_waiting = 64;  // requests that wait for one model to be loaded
  std::chrono::milliseconds retry_after_failure{10'000};  // before a request tries again
  // Names that mean "whichever is active" where no model is called so.
  std::vector<std::string> active_names{"default"};
  Loader load;  // required
  // How far `load` is, any thread. May be empty.
  std::function<LoadProgress()> load_progress;
  // Makes a recipe for a name that no recipe has, e.g. installed_recipe(). May be empty.
  std::function<Result<ModelRecipe>(const std::string& name)> find;
  // What is to be told to who names a model so and gets one of another name. May be empty.
  std::function<std::string(const std::string& name)> note;
  // Bytes of weights of a source; empty: weights_on_disk() of its folder.
  std::function<std::size_t(const std::string& source)> measure;
  // Shares out memory for a source, with `taken` bytes promised to other loaded models.
  // kUnavailable: too little, with what to do. Empty: `service` as it is, and nothing is promised.
  std::function<Result<PlannedModel>(const std::string& source, const EngineOptions&,
                                     std::size_t taken)>
      plan;
};

class HostCore;
struct HostedModel;

// The right to use a loaded model. May be given back on any thread, callbacks of its service
// included.
class ModelLease {
 public:
  ModelLease(std::shared_ptr<HostCore> core, std::shared_ptr<HostedModel> model);
  ~ModelLease();
  ModelLease(const ModelLease&) = delete;
  ModelLease& operator=(const ModelLease&) = delete;

  Service& service() const;
  ModelStatus status() const;

 private:
  std::shared_ptr<HostCore> core_;
  std::shared_ptr<HostedModel> model_;
};
using LeasePtr = std::shared_ptr<const ModelLease>;

// Any thread, unless said otherwise. Callbacks are called exactly once, at once or on the host's
// thread; they may call back into the host but must not wait for it.
class ModelHost {
 public:
  using OnLease = std::function<void(Result<LeasePtr>)>;
  using OnSwitched = std::function<void(Result<void>)>;

  explicit ModelHost(HostOptions options);
  ~ModelHost();  // shutdown()

  // Known from now on, not loaded. A recipe of the same name that is not loaded is replaced.
  void add(ModelRecipe recipe);

  // Loads the model beside the active one if it is not there yet, makes it the active one, lets the
  // old one finish and frees it. On failure nothing has changed, and the error is for the operator
  // (it may name folders; ModelStatus::why does not). kNotFound: no such model.
  void activate(const std::string& name, OnSwitched done);

  // For one request: the model of this name; "" and active_names: the active one. One that is not
  // loaded is loaded first. kNotFound; kUnavailable: none is active yet, it cannot be loaded (with
  // the reason), or the host ends; kQueueFull: max_waiting wait already.
  void acquire(const std::string& name, OnLease ready);

  // Frees the model that acquire() would give, as soon as nobody uses it; the next request loads it
  // again. One that is not loaded stays so. kNotFound.
  Result<void> unload(const std::string& name);

  // The model that acquire() would give, where that is known without looking at the disk.
  std::optional<ModelStatus> named(const std::string& name) const;
  // What a model that is known already is called where acquire() would give it for `name`, another
  // name of its folder; else `name`. Asks the disk about names that are not known.
  std::string known_name(const std::string& name) const;
  std::string note(const std::string& name) const;  // as of HostOptions
  std::optional<ModelStatus> active() const;  // none before the first activate() has succeeded
  std::vector<ModelStatus> status() const;    // the active one first, then by name
  bool busy() const;           // a model is being loaded, which cannot be interrupted
  ServiceStats stats() const;  // of all models, those that have gone included

  // Ends what runs and what waits with kUnavailable and frees all models. Nobody may be using a
  // lease's service() any more, except its own callbacks.
  void shutdown();

 private:
  std::shared_ptr<HostCore> core_;
};

}  // namespace oc
