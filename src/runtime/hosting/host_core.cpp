// The thread of a ModelHost: loads, switches, unloads what is idle.
#include "runtime/hosting/host_core.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "base/clock.h"
#include "base/log.h"
#include "io/files.h"
#include "runtime/hosting/model_memory.h"
#include "runtime/hosting/warm_up.h"
#include "runtime/library/names.h"

namespace oc {
namespace {

// To a client it is the server's trouble, whatever the reason, and folders do not show.
Error for_clients(const ModelRecipe& recipe, Error error) {
  for (const std::string& source : {recipe.source, recipe.fallback}) {
    error.message = without_folder(std::move(error.message), source);
    error.hint = without_folder(std::move(error.hint), source);
  }
  error.message = fmt::format("the model \"{}\" cannot be loaded: {}", recipe.name, error.message);
  error.code = ErrorCode::kUnavailable;
  error.param = "model";
  return error;
}

}  // namespace

void HostCore::start() {
  thread_ = std::thread([this] { loop(); });
}

void HostCore::shutdown() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

// The next time that a model may have been idle for too long. While any is loaded its files are
// looked at each second: a server that nobody asks anything tells of what happened to them, too.
Slot::Clock::time_point HostCore::next_look() const {
  constexpr std::chrono::seconds kFiles{1}, kNothing{3600};
  const bool any = std::ranges::any_of(slots_, [](const auto& one) { return !!one.second->model; });
  auto next = Slot::Clock::now() + (any ? kFiles : kNothing);
  for (const auto& [name, slot] : slots_) {
    if (slot->state != ModelState::kReady || slot->leases > 0) continue;
    if (slot->recipe.keep_alive.count() == 0) continue;
    const auto at = slot->last_used + slot->recipe.keep_alive;
    next = std::min(next, at);
  }
  return next;
}

void HostCore::loop() {
  Lock lock(mutex_);
  while (!stopping_) {
    if (drop_broken(lock) || free_broken(lock) || free_one(lock) || expire(lock)) continue;
    if (!jobs_.empty()) {
      const Job job = std::move(jobs_.front());
      jobs_.pop_front();
      run(job, lock);
      continue;
    }
    if (!stopping_) wake_.wait_until(lock, next_look());
  }
  // The end: nobody is left waiting, every engine thread is joined.
  const Error ending{ErrorCode::kUnavailable, "the server is shutting down"};
  std::vector<ModelHost::OnLease> waiting;
  for (const auto& [name, slot] : slots_) {
    for (auto& one : slot->waiting) waiting.push_back(std::move(one));
    slot->waiting.clear();
    if (slot->model) {
      slot->state = ModelState::kAbsent;
      end(std::exchange(slot->model, nullptr), lock);
    }
  }
  for (auto& model : std::exchange(broken_, {})) end(std::move(model), lock);
  const std::deque<Job> jobs = std::exchange(jobs_, {});
  lock.unlock();
  for (const auto& one : waiting) one(ending);
  for (const Job& job : jobs)
    if (job.done) job.done(ending);
}

// Models of which a file is not what was loaded any more: nobody is given them again. They are
// loaded anew, or their fallback is, when the last request that used them has ended.
bool HostCore::drop_broken(Lock& lock) {
  std::vector<std::shared_ptr<HostedModel>> all;
  for (const auto& [name, slot] : slots_)
    if (slot->model && slot->model->loaded->model) all.push_back(slot->model);
  std::vector<std::pair<std::shared_ptr<HostedModel>, Error>> found;
  lock.unlock();  // a disk may be asked
  for (auto& model : all)
    if (auto whole = model->loaded->model->intact(); !whole.ok())
      found.emplace_back(std::move(model), whole.error());
  all.clear();
  lock.lock();
  for (auto& [model, error] : found) {
    Slot& slot = *model->slot;
    log::event(log::Level::kError, "out of service",
               {{"model", slot.recipe.name}, {"because", error.describe()}});
    error.message =
        fmt::format("the model \"{}\" is out of service: {}", slot.recipe.name, error.message);
    error.param = "model";
    slot.failure = std::move(error);
    slot.state = ModelState::kFailed;
    slot.failed_at = Slot::Clock::now();
    broken_.push_back(std::exchange(slot.model, nullptr));
  }
  return !found.empty();
}

bool HostCore::free_broken(Lock& lock) {
  const auto free = std::ranges::find(broken_, std::size_t{0}, &HostedModel::leases);
  if (free == broken_.end()) return false;
  std::shared_ptr<HostedModel> model = std::move(*free);
  broken_.erase(free);
  Slot& slot = *model->slot;
  end(std::move(model), lock);
  enqueue(slot);
  return true;
}

// Idle for too long: to be freed by the next round.
bool HostCore::expire(Lock&) {
  bool any = false;
  for (const auto& [name, slot] : slots_) {
    if (slot->state != ModelState::kReady || slot->leases > 0 || slot->queued) continue;
    const auto keep = slot->recipe.keep_alive;
    if (keep.count() == 0 || Slot::Clock::now() < slot->last_used + keep) continue;
    slot->state = ModelState::kDraining;
    any = true;
  }
  return any;
}

void HostCore::run(const Job& job, Lock& lock) {
  Slot& slot = *job.slot;
  Result<void> brought = bring(slot, lock);
  slot.queued = std::ranges::any_of(jobs_, [&](const Job& other) { return other.slot == &slot; });
  if (brought.ok() && job.done && active_ != &slot) {
    Slot* const old = std::exchange(active_, &slot);
    log::event(log::Level::kInfo, "switched",
               {{"from", old == nullptr ? "-" : old->recipe.name}, {"to", slot.recipe.name}});
    if (old != nullptr && old->state == ModelState::kReady) old->state = ModelState::kDraining;
  }
  // Leases are taken before the lock is let go, so that nothing frees the model in between.
  std::vector<std::pair<ModelHost::OnLease, Result<LeasePtr>>> answers;
  for (auto& ready : std::exchange(slot.waiting, {}))
    answers.emplace_back(std::move(ready), brought.ok() ? Result<LeasePtr>(lease(slot))
                                                        : Result<LeasePtr>(*slot.failure));
  lock.unlock();
  for (auto& [ready, result] : answers) ready(std::move(result));
  answers.clear();
  if (job.done) job.done(brought);
  lock.lock();
}

// Loaded and ready afterwards, or kFailed with the reason.
Result<void> HostCore::bring(Slot& slot, Lock& lock) {
  if (slot.model) {
    slot.state = ModelState::kReady;
    return {};
  }
  slot.state = ModelState::kLoading;
  slot.load_began = Slot::Clock::now();
  loading_ = true;
  lock.unlock();
  CookedModel cooked;
  PlannedModel planned;
  auto made = [&]() -> Result<std::shared_ptr<HostedModel>> {
    try {
      OC_ASSIGN_OR_RETURN(cooked,
                          load_recipe(slot.recipe, options_.load,
                                      [&](const auto& source, const auto& engine) -> Result<void> {
                                        OC_ASSIGN_OR_RETURN(planned, make_room(source, engine));
                                        return {};
                                      }));
      return make(slot, cooked, planned);
    } catch (const std::exception& failure) {
      return Error{ErrorCode::kInternal, failure.what()};
    }
  }();
  lock.lock();
  loading_ = false;
  if (!made.ok()) {
    log::event(log::Level::kError, "load failed",
               {{"model", slot.recipe.name}, {"because", made.error().describe()}});
    slot.failure = for_clients(slot.recipe, made.error());
    slot.state = ModelState::kFailed;
    slot.failed_at = Slot::Clock::now();
    ++slot.known.failed_loads;
    return made.error();
  }
  slot.model = std::move(*made);
  slot.state = ModelState::kReady;
  slot.failure.reset();
  slot.last_used = Slot::Clock::now();
  note_loaded(slot, cooked);
  return {};
}

Result<std::shared_ptr<HostedModel>> HostCore::make(Slot& slot, CookedModel& cooked,
                                                    const PlannedModel& planned) {
  auto model = std::make_shared<HostedModel>();
  model->slot = &slot;
  model->loaded = cooked.model;
  model->service = std::make_unique<Service>(cooked.model, planned.service);
  model->bytes = planned.bytes;
  if (!options_.warm_up) return model;
  {
    const std::lock_guard lock(mutex_);
    slot.state = ModelState::kWarming;
  }
  OC_RETURN_IF_ERROR(warm_up(*model->service));
  return model;
}

void HostCore::note_loaded(Slot& slot, const CookedModel& cooked) {
  const LoadedModel& loaded = *cooked.model;
  ModelStatus& known = slot.known;
  ++known.loads;
  known.info = loaded.model->info();
  known.aliases = slot.recipe.aliases;
  known.aliases.push_back(loaded.name);
  // A model given by its folder is also known by the folder's name, the embedded one as "demo".
  const std::filesystem::path path = known.info.path;
  const std::string folder = path == embedded_folder() ? "demo" : path.filename().string();
  if (!folder.empty()) known.aliases.push_back(folder);
  known.engine = loaded.model->engine().info();
  known.created = unix_seconds();
  known.load_ms = loaded.load_ms;
  known.fallback = cooked.fallback_reason
                       ? without_folder(cooked.fallback_reason->message, slot.recipe.source)
                       : std::string();
}

std::size_t HostCore::bytes_of(const std::string& source) const {
  if (options_.measure) return options_.measure(source);
  const auto folder = resolve_model(source);
  return folder.ok() ? weights_on_disk(*folder) : 0;
}

// Without the lock. Models that nobody uses and that are not the active one make place, those first
// that have been idle for longest.
Result<PlannedModel> HostCore::make_room(const std::string& source, const EngineOptions& engine) {
  const std::size_t needed = bytes_of(source);
  for (;;) {
    auto room = plan_beside_loaded(source, engine, needed);
    if (room.ok()) return room;
    Lock lock(mutex_);
    Slot* oldest = nullptr;
    for (const auto& [name, slot] : slots_) {
      if (!slot->model || slot.get() == active_ || slot->leases > 0 || slot->queued) continue;
      if (oldest == nullptr || slot->last_used < oldest->last_used) oldest = slot.get();
    }
    if (oldest == nullptr) return room;
    log::event(log::Level::kInfo, "unloaded",
               {{"model", oldest->recipe.name}, {"because", "its memory is needed"}});
    oldest->state = ModelState::kAbsent;
    end(std::exchange(oldest->model, nullptr), lock);
  }
}

// Planning reads files: without the lock. Only this thread loads and frees.
Result<PlannedModel> HostCore::plan_beside_loaded(const std::string& source,
                                                  const EngineOptions& engine, std::size_t needed) {
  std::size_t loaded = 0, taken = 0;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, slot] : slots_) {
      if (!slot->model) continue;
      loaded += slot->known.info.weights_bytes;
      taken += slot->model->bytes;
    }
    for (const auto& model : broken_) {
      loaded += model->loaded->model->info().weights_bytes;
      taken += model->bytes;
    }
  }
  OC_RETURN_IF_ERROR(check_weights(needed, loaded, options_.memory_limit));
  if (!options_.plan) return PlannedModel{options_.service, 0};
  return options_.plan(source, engine, taken);
}

}  // namespace oc
