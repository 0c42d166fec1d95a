#include "runtime/cache/shared_responses.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "io/digest.h"
#include "runtime/cache/response_codec.h"

namespace oc {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{4} << 20;  // of an answer
constexpr std::size_t kMaxWrites = 256;                  // that wait

// The layout's number stands here too: an old and a new version do not take turns in discarding
// each other's values.
std::string name_of(const std::string& key) { return "ocellus:answer:04:" + to_hex(key); }

// A write to a connection that the server has closed is an error, not the process' end.
void ignore_broken_pipes() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

SharedResponses::SharedResponses(SharedResponsesOptions options)
    : options_(std::move(options)), pause_(options_.first_pause), thread_([this] { work(); }) {}

SharedResponses::~SharedResponses() {
  stop_ = true;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

// --- any thread

std::optional<SharedResponses::Found> SharedResponses::find(const std::string& key,
                                                            const Fits& fits) {
  const std::string value = ask(key);
  if (!value.empty()) {
    Result<StoredAnswer> stored = open_answer(key, value);
    if (stored.ok() && fits && !fits(stored->result))
      stored = Error{ErrorCode::kCorrupt, "it is no answer to this request"};
    if (stored.ok()) {
      ++hits_;
      // Another machine's clock may be ahead.
      const std::int64_t age = std::max<std::int64_t>(0, unix_seconds() - stored->created);
      return Found{std::move(stored->result), std::chrono::seconds(age)};
    }
    ++discarded_;
    log::event(log::Level::kDebug, "shared cache", {{"discarded", stored.error().message}});
  }
  ++misses_;
  return std::nullopt;
}

// The value, or nothing, after `patience` at the latest.
std::string SharedResponses::ask(const std::string& key) {
  if (!connected_) return {};
  const auto lookup = std::make_shared<Lookup>(name_of(key));
  Lock lock(mutex_);
  if (ending_ || !connected_) return {};
  lookups_.push_back(lookup);
  wake_.notify_one();
  answered_.wait_for(lock, options_.patience, [&] { return lookup->done; });
  if (lookup->done) return std::move(lookup->value);
  std::erase(lookups_, lookup);  // nobody waits for it any more
  return {};
}

void SharedResponses::insert(const std::string& key, const GenerateResult& result) {
  if (!connected_) return;
  Write entry{key, result};
  {
    const std::lock_guard lock(mutex_);
    if (ending_ || !connected_ || writes_.size() >= kMaxWrites) return;
    writes_.push_back(std::move(entry));
  }
  wake_.notify_one();
}

void SharedResponses::flush() {
  Lock lock(mutex_);
  idle_.wait(lock, [this] { return writes_.empty() && !busy_; });
}

SharedResponsesStats SharedResponses::stats() const {
  return {hits_, misses_, discarded_, outages_, connected_};
}

// --- its thread

void SharedResponses::work() {
  ignore_broken_pipes();
  Lock lock(mutex_);
  while (!ending_) {
    if (!connection_) {
      connect(lock);
      continue;
    }
    wait_for_work(lock);
    if (ending_) return;
    busy_ = true;
    if (!lookups_.empty())
      look_up(lock);  // somebody waits for it
    else if (!writes_.empty())
      write(lock);
    else
      check(lock);
    busy_ = false;
    if (writes_.empty()) idle_.notify_all();
  }
}

void SharedResponses::connect(Lock& lock) {
  lock.unlock();
  auto opened = RedisConnection::open(options_.address, {.connecting = options_.connecting,
                                                         .silence = options_.patience,
                                                         .whole = options_.command,
                                                         .stop = [this] { return stop_.load(); }});
  lock.lock();
  if (opened.ok()) {
    connection_ = *std::move(opened);
    connected_ = true;
    warned_ = false;
    log::event(log::Level::kInfo, "shared cache",
               {{"address", options_.address.shown()}, {"state", "connected"}});
    return;
  }
  lost(opened.error().message);
  wake_.wait_for(lock, pause_, [this] { return ending_; });
  pause_ = std::min(pause_ * 2, options_.longest_pause);
}

// For something to do, or until it is time to ask whether the server is still there: then the
// outage costs no request anything.
void SharedResponses::wait_for_work(Lock& lock) {
  wake_.wait_for(lock, options_.idle,
                 [this] { return ending_ || !lookups_.empty() || !writes_.empty(); });
}

void SharedResponses::look_up(Lock& lock) {
  const std::shared_ptr<Lookup> lookup = std::move(lookups_.front());
  lookups_.pop_front();
  lock.unlock();
  Result<std::string> value = connection_->get(lookup->key, kMaxBytes);
  lock.lock();
  lookup->done = true;
  if (value.ok()) {
    lookup->value = *std::move(value);
    pause_ = options_.first_pause;
  } else if (!value.error().message.starts_with("WRONGTYPE")) {  // that is no answer of ours
    lost(value.error().message);
  }
  answered_.notify_all();
}

void SharedResponses::write(Lock& lock) {
  const Write entry = std::move(writes_.front());
  writes_.pop_front();
  lock.unlock();
  const std::string value = seal_answer(entry.key, entry.result, unix_seconds());
  Result<void> written;
  if (value.size() <= kMaxBytes)
    written = connection_->set(name_of(entry.key), value, options_.max_age);
  lock.lock();
  if (written.ok()) {
    refused_ = false;
    return;
  }
  if (written.error().code == ErrorCode::kUnavailable) return lost(written.error().message);
  // Full or read-only: what it has may still be read.
  if (!std::exchange(refused_, true))
    log::event(log::Level::kWarning, "shared cache",
               {{"address", options_.address.shown()},
                {"state", "takes no answers"},
                {"because", written.error().message}});
}

void SharedResponses::check(Lock& lock) {
  lock.unlock();
  const Result<void> there = connection_->ping();
  lock.lock();
  if (!there.ok()) lost(there.error().message);
}

// Holding the lock. From now on nobody waits, until the server is back.
void SharedResponses::lost(const std::string& why) {
  const bool news = !std::exchange(warned_, true);
  if (news) ++outages_;
  connected_ = false;  // after the count: who sees that it is away sees the outage too
  connection_.reset();
  for (const auto& lookup : lookups_) lookup->done = true;
  lookups_.clear();
  writes_.clear();
  answered_.notify_all();
  idle_.notify_all();
  if (news)
    log::event(log::Level::kWarning, "shared cache",
               {{"address", options_.address.shown()}, {"state", "unreachable"}, {"because", why}});
}

}  // namespace oc
