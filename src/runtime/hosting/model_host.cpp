#include "runtime/hosting/model_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/log.h"
#include "runtime/hosting/host_core.h"
#include "runtime/library/names.h"

namespace oc {
namespace {

void add_cache(CacheStats& sum, const CacheStats& one) {
  sum.hits += one.hits;
  sum.misses += one.misses;
  sum.entries += one.entries;
  sum.bytes += one.bytes;
}

void add_stats(ServiceStats& sum, const ServiceStats& one) {
  sum.accepted += one.accepted;
  sum.completed += one.completed;
  sum.failed += one.failed;
  sum.cancelled += one.cancelled;
  sum.rejected += one.rejected;
  sum.superseded += one.superseded;
  sum.empty_answers += one.empty_answers;
  sum.prompt_tokens += one.prompt_tokens;
  sum.completion_tokens += one.completion_tokens;
  sum.generated_tokens += one.generated_tokens;
  sum.cached_tokens += one.cached_tokens;
  sum.total_ms += one.total_ms;
  sum.queued += one.queued;
  sum.running += one.running;
  sum.kv_reserved_bytes += one.kv_reserved_bytes;
  add_cache(sum.prefixes, one.prefixes);
  add_cache(sum.pictures, one.pictures);
  add_cache(sum.responses, one.responses);
}

// What is left of a model that has gone: its counters, not its contents.
ServiceStats counters_of(ServiceStats stats) {
  stats.queued = stats.running = stats.kv_reserved_bytes = 0;
  for (CacheStats* cache : {&stats.prefixes, &stats.pictures, &stats.responses})
    cache->entries = cache->bytes = 0;
  return stats;
}

}  // namespace

std::string_view to_string(ModelState state) {
  switch (state) {
    case ModelState::kAbsent:
      return "absent";
    case ModelState::kLoading:
      return "loading";
    case ModelState::kWarming:
      return "warming";
    case ModelState::kReady:
      return "ready";
    case ModelState::kDraining:
      return "draining";
    case ModelState::kFailed:
      return "failed";
  }
  return "unknown";
}

ModelLease::ModelLease(std::shared_ptr<HostCore> core, std::shared_ptr<HostedModel> model)
    : core_(std::move(core)), model_(std::move(model)) {}
ModelLease::~ModelLease() { core_->give_back(*model_); }
Service& ModelLease::service() const { return *model_->service; }
ModelStatus ModelLease::status() const { return core_->status_of(*model_); }

ModelHost::ModelHost(HostOptions options) : core_(std::make_shared<HostCore>(std::move(options))) {
  core_->start();
}
ModelHost::~ModelHost() { shutdown(); }
void ModelHost::add(ModelRecipe recipe) { core_->add(std::move(recipe)); }
void ModelHost::activate(const std::string& name, OnSwitched done) {
  core_->activate(name, std::move(done));
}
void ModelHost::acquire(const std::string& name, OnLease ready) {
  core_->acquire(name, std::move(ready));
}
Result<void> ModelHost::unload(const std::string& name) { return core_->unload(name); }
std::optional<ModelStatus> ModelHost::named(const std::string& name) const {
  return core_->named(name);
}
std::string ModelHost::known_name(const std::string& name) const { return core_->known_name(name); }
std::string ModelHost::note(const std::string& name) const { return core_->note(name); }
std::optional<ModelStatus> ModelHost::active() const { return core_->active(); }
std::vector<ModelStatus> ModelHost::status() const { return core_->status(); }
bool ModelHost::busy() const { return core_->busy(); }
ServiceStats ModelHost::stats() const { return core_->stats(); }
void ModelHost::shutdown() { core_->shutdown(); }

// --- what callers do, on any thread ---

Slot& HostCore::slot_for(ModelRecipe recipe) {
  std::unique_ptr<Slot>& slot = slots_[recipe.name];
  if (!slot) slot = std::make_unique<Slot>();
  if (!slot->model && !slot->queued) {
    slot->known.name = recipe.name;
    slot->known.aliases = recipe.aliases;
    slot->recipe = std::move(recipe);
  }
  return *slot;
}

void HostCore::add(ModelRecipe recipe) {
  const std::lock_guard lock(mutex_);
  slot_for(std::move(recipe));
}

Slot* HostCore::known(const std::string& name) const {
  if (const auto it = slots_.find(name); it != slots_.end()) return it->second.get();
  const auto has_alias = [&](const Slot& slot) {
    return std::ranges::find(slot.known.aliases, name) != slot.known.aliases.end();
  };
  if (active_ != nullptr && has_alias(*active_)) return active_;
  for (const auto& [key, slot] : slots_)
    if (has_alias(*slot)) return slot.get();
  return nullptr;
}

// What the name means without asking the disk; null where that is not known.
Slot* HostCore::at_hand(const std::string& name, bool for_request) const {
  if (name.empty()) return active_;
  if (Slot* slot = known(name)) return slot;
  const auto& names = options_.active_names;
  return for_request && std::ranges::find(names, name) != names.end() ? active_ : nullptr;
}

std::optional<ModelStatus> HostCore::named(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const Slot* slot = at_hand(name, true);
  if (slot == nullptr) return std::nullopt;
  return describe(*slot);
}

// Lets go of the lock where the disk is asked.
Result<Slot*> HostCore::find(const std::string& name, bool for_request, Lock& lock) {
  if (Slot* slot = at_hand(name, for_request)) return slot;
  const Error unknown{ErrorCode::kNotFound, "there is no model of this name", "", "model"};
  if (!options_.find || name.empty()) return unknown;
  lock.unlock();
  Result<ModelRecipe> recipe = options_.find(name);
  lock.lock();
  if (!recipe.ok()) return recipe.error();
  Slot* same = same_folder(*recipe, lock);
  if (same == nullptr) return &slot_for(*std::move(recipe));
  if (!std::ranges::count(same->recipe.aliases, recipe->name)) {
    same->recipe.aliases.push_back(recipe->name);
    same->known.aliases.push_back(recipe->name);
  }
  return same;
}

// The known model that the recipe is, by another name: the active one, else one that is loaded.
// Lets go of the lock.
Slot* HostCore::same_folder(const ModelRecipe& recipe, Lock& lock) const {
  if (!recipe.only_source || slots_.contains(recipe.name)) return nullptr;
  std::vector<std::pair<Slot*, std::string>> sources;
  for (const auto& [name, slot] : slots_) sources.emplace_back(slot.get(), slot->recipe.source);
  lock.unlock();
  std::erase_if(sources,
                [&](const auto& one) { return !is_same_model(one.second, recipe.source); });
  lock.lock();
  if (sources.empty()) return nullptr;
  const auto rank = [&](const auto& one) {
    return 2 * (one.first == active_) + !!one.first->model;
  };
  return std::ranges::max_element(sources, {}, rank)->first;
}

std::string HostCore::known_name(const std::string& name) const {
  Lock lock(mutex_);
  if (name.empty() || at_hand(name, true) != nullptr || !options_.find) return name;
  lock.unlock();
  const Result<ModelRecipe> recipe = options_.find(name);
  lock.lock();
  if (!recipe.ok() || !recipe->only_source) return name;
  if (slots_.contains(recipe->name)) return recipe->name;
  const Slot* same = same_folder(*recipe, lock);
  return same == nullptr ? name : same->known.name;
}

LeasePtr HostCore::lease(Slot& slot) {
  slot.state = ModelState::kReady;  // one that was to go stays
  ++slot.leases;
  ++slot.model->leases;
  ++slot.requests;
  return std::make_shared<const ModelLease>(shared_from_this(), slot.model);
}

void HostCore::enqueue(Slot& slot) {
  if (slot.queued) return;
  slot.queued = true;
  jobs_.push_back({&slot, {}});
  wake_.notify_all();
}

void HostCore::acquire(const std::string& name, ModelHost::OnLease ready) {
  Lock lock(mutex_);
  const auto answer = [&]() -> std::optional<Result<LeasePtr>> {
    if (stopping_) return Error{ErrorCode::kUnavailable, "the server is shutting down"};
    if (active_ == nullptr)
      return Error{ErrorCode::kUnavailable, "the model is still being loaded"};
    OC_ASSIGN_OR_RETURN(Slot* const slot, find(name, true, lock));
    const bool usable = slot->state == ModelState::kReady || slot->state == ModelState::kDraining;
    if (usable) return lease(*slot);
    if (slot->state == ModelState::kFailed && !slot->queued &&
        Slot::Clock::now() - slot->failed_at < options_.retry_after_failure)
      return *slot->failure;
    if (slot->waiting.size() >= options_.max_waiting)
      return Error{ErrorCode::kQueueFull,
                   fmt::format("{} requests wait for this model already, the most that may",
                               options_.max_waiting),
                   "try again later, or let more wait (--max-queue)"};
    slot->waiting.push_back(std::move(ready));
    enqueue(*slot);
    return std::nullopt;
  }();
  lock.unlock();
  if (answer) ready(*answer);
}

void HostCore::activate(const std::string& name, ModelHost::OnSwitched done) {
  Lock lock(mutex_);
  const Result<Slot*> slot = find(name, false, lock);
  std::optional<Error> refusal;
  if (stopping_)
    refusal = Error{ErrorCode::kUnavailable, "the server is shutting down"};
  else if (!slot.ok())
    refusal = slot.error();
  if (!refusal) {
    (*slot)->queued = true;
    jobs_.push_back({*slot, std::move(done)});
    wake_.notify_all();
    return;
  }
  lock.unlock();
  done(*refusal);
}

Result<void> HostCore::unload(const std::string& name) {
  Lock lock(mutex_);
  OC_ASSIGN_OR_RETURN(Slot* const slot, find(name, true, lock));
  if (slot->state != ModelState::kReady) return {};
  slot->state = ModelState::kDraining;
  wake_.notify_all();
  return {};
}

void HostCore::give_back(HostedModel& model) {
  const std::lock_guard lock(mutex_);
  Slot& slot = *model.slot;
  --slot.leases;
  --model.leases;
  slot.last_used = Slot::Clock::now();
  if (model.leases == 0) wake_.notify_all();
}

ModelStatus HostCore::describe(const Slot& slot) const {
  ModelStatus status = slot.known;
  status.state = slot.state;
  status.active = &slot == active_;
  if (slot.failure) status.why = slot.failure->describe();
  if (slot.state == ModelState::kLoading || slot.state == ModelState::kWarming)
    status.loading_s = std::chrono::duration<double>(Slot::Clock::now() - slot.load_began).count();
  if (slot.state == ModelState::kLoading && options_.load_progress)
    status.loading = options_.load_progress();
  status.bytes = slot.model ? slot.known.info.weights_bytes : 0;
  status.in_use = slot.leases;
  status.keep_alive_s = std::chrono::duration<double>(slot.recipe.keep_alive).count();
  status.requests = slot.requests;
  if (slot.leases == 0 && slot.last_used != Slot::Clock::time_point{})
    status.idle_s = std::chrono::duration<double>(Slot::Clock::now() - slot.last_used).count();
  return status;
}

ModelStatus HostCore::status_of(const HostedModel& model) const {
  const std::lock_guard lock(mutex_);
  return describe(*model.slot);
}

std::optional<ModelStatus> HostCore::active() const {
  const std::lock_guard lock(mutex_);
  if (active_ == nullptr) return std::nullopt;
  return describe(*active_);
}

std::vector<ModelStatus> HostCore::status() const {
  const std::lock_guard lock(mutex_);
  std::vector<ModelStatus> all;
  for (const auto& [name, slot] : slots_) all.push_back(describe(*slot));
  std::ranges::stable_sort(all, std::greater<>(), &ModelStatus::active);
  return all;
}

bool HostCore::busy() const {
  const std::lock_guard lock(mutex_);
  return loading_;
}

ServiceStats HostCore::stats() const {
  const std::lock_guard lock(mutex_);
  ServiceStats sum = gone_;
  for (const auto& [name, slot] : slots_)
    if (slot->model) add_stats(sum, slot->model->service->stats());
  if (options_.service.image_store) sum.stored_images = options_.service.image_store->stats();
  if (options_.service.shared_responses)
    sum.shared_responses = options_.service.shared_responses->stats();
  return sum;
}

// --- freeing, on the host's thread ---

// The engine thread is joined without the lock: its callbacks give leases back.
void HostCore::end(std::shared_ptr<HostedModel> model, Lock& lock) {
  add_stats(gone_, counters_of(model->service->stats()));
  lock.unlock();
  model->service.reset();
  model->loaded.reset();
  lock.lock();
}

bool HostCore::free_one(Lock& lock) {
  for (const auto& [name, slot] : slots_) {
    if (slot->state != ModelState::kDraining || slot->leases > 0) continue;
    log::event(log::Level::kInfo, "unloaded", {{"model", name}});
    slot->state = ModelState::kAbsent;
    end(std::exchange(slot->model, nullptr), lock);
    return true;
  }
  return false;
}

}  // namespace oc
