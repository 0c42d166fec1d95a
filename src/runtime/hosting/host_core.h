// The inside of ModelHost: only for model_host.cpp and host_core.cpp.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "runtime/hosting/model_host.h"

namespace oc {

struct Slot;

// A model that is loaded. Freed on the host's thread.
struct HostedModel {
  Slot* slot = nullptr;
  std::shared_ptr<const LoadedModel> loaded;
  std::unique_ptr<Service> service;
  std::size_t bytes = 0;   // promised to it
  std::size_t leases = 0;  // HostCore's mutex
};

// What is known under one name; never removed.
struct Slot {
  using Clock = std::chrono::steady_clock;
  ModelRecipe recipe;
  ModelState state = ModelState::kAbsent;
  std::shared_ptr<HostedModel> model;  // kWarming (not handed out yet), kReady, kDraining
  ModelStatus known;                   // what does not change while it is loaded
  std::optional<Error> failure;        // of the last try
  Clock::time_point failed_at{}, last_used{}, load_began{};
  std::size_t leases = 0;
  std::uint64_t requests = 0;
  bool queued = false;  // a job for it waits or runs
  std::vector<ModelHost::OnLease> waiting;
};

class HostCore : public std::enable_shared_from_this<HostCore> {
 public:
  explicit HostCore(HostOptions options) : options_(std::move(options)) {}

  void start();
  void shutdown();
  void add(ModelRecipe recipe);
  void activate(const std::string& name, ModelHost::OnSwitched done);
  void acquire(const std::string& name, ModelHost::OnLease ready);
  Result<void> unload(const std::string& name);
  std::optional<ModelStatus> active() const;
  std::optional<ModelStatus> named(const std::string& name) const;
  std::string known_name(const std::string& name) const;
  std::string note(const std::string& name) const {
    return options_.note ? options_.note(name) : std::string();
  }
  std::vector<ModelStatus> status() const;
  bool busy() const;
  ServiceStats stats() const;

  void give_back(HostedModel& model);
  ModelStatus status_of(const HostedModel& model) const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  // One model to be loaded, and perhaps to be made the active one.
  struct Job {
    Slot* slot = nullptr;
    ModelHost::OnSwitched done;  // empty: for those that wait for the model
  };

  Result<Slot*> find(const std::string& name, bool for_request, Lock& lock);
  Slot* same_folder(const ModelRecipe& recipe, Lock& lock) const;
  Slot* at_hand(const std::string& name, bool for_request) const;
  Slot* known(const std::string& name) const;
  Slot& slot_for(ModelRecipe recipe);
  LeasePtr lease(Slot& slot);
  void enqueue(Slot& slot);
  ModelStatus describe(const Slot& slot) const;

  void loop();
  bool free_one(Lock& lock);
  bool expire(Lock& lock);
  bool drop_broken(Lock& lock);
  bool free_broken(Lock& lock);
  void run(const Job& job, Lock& lock);
  Result<void> bring(Slot& slot, Lock& lock);
  Result<std::shared_ptr<HostedModel>> make(Slot& slot, CookedModel& cooked,
                                            const PlannedModel& planned);
  Result<PlannedModel> make_room(const std::string& source, const EngineOptions& engine);
  Result<PlannedModel> plan_beside_loaded(const std::string& source, const EngineOptions& engine,
                                          std::size_t needed);
  void note_loaded(Slot& slot, const CookedModel& cooked);
  void end(std::shared_ptr<HostedModel> model, Lock& lock);
  std::size_t bytes_of(const std::string& source) const;
  Slot::Clock::time_point next_look() const;

  const HostOptions options_;
  mutable std::mutex mutex_;  // guards all below but the thread
  std::condition_variable wake_;
  std::map<std::string, std::unique_ptr<Slot>> slots_;
  std::deque<Job> jobs_;
  Slot* active_ = nullptr;
  bool loading_ = false, stopping_ = false;
  std::vector<std::shared_ptr<HostedModel>> broken_;  // out of service, and still leased
  ServiceStats gone_;                                 // of models that were freed
  std::thread thread_;
};

}  // namespace oc
