// Whole answers in a Redis server, which several instances share. It helps where it can and never
// gets in the way: one thread of its own speaks to the server; a lookup waits a few ms at most, and
// not at all while the server is known to be away; answers are written behind. An outage is one
// warning, and one line when it has ended.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "runtime/cache/redis_address.h"
#include "runtime/cache/redis_connection.h"
#include "runtime/request.h"

namespace oc {

struct SharedResponsesOptions {
  RedisAddress address;
  std::chrono::seconds max_age{3600};          // the server forgets answers after that
  std::chrono::milliseconds patience{50};      // of a lookup, and with the server's silence
  std::chrono::milliseconds command{500};      // a whole one, however slowly bytes come
  std::chrono::milliseconds connecting{250};   // of the thread
  std::chrono::milliseconds first_pause{100};  // before it tries to connect again; doubles
  std::chrono::milliseconds longest_pause{5000};
  std::chrono::milliseconds idle{1000};  // after which it asks whether the server is there
};

struct SharedResponsesStats {
  std::uint64_t hits = 0, misses = 0;
  std::uint64_t discarded = 0;  // of misses: values that were not right
  std::uint64_t outages = 0;
  bool connected = false;
};

class SharedResponses {
 public:
  explicit SharedResponses(SharedResponsesOptions options);
  ~SharedResponses();  // waits for nothing, whatever the server does

  struct Found {
    GenerateResult result;
    std::chrono::seconds age{0};
  };
  // Whether an answer can be one to the request that asks; what cannot is a miss.
  using Fits = std::function<bool(const GenerateResult&)>;
  // Any thread but the engine's.
  std::optional<Found> find(const std::string& key, const Fits& fits = {});
  // Any thread, never waits. Forgotten when the server is away or too slow.
  void insert(const std::string& key, const GenerateResult& result);
  // Waits until everything inserted was written or forgotten.
  void flush();

  bool connected() const { return connected_; }
  SharedResponsesStats stats() const;

 private:
  struct Lookup {
    std::string key;
    bool done = false;
    std::string value;  // empty: none
  };
  struct Write {
    std::string key;
    GenerateResult result;
  };
  using Lock = std::unique_lock<std::mutex>;

  std::string ask(const std::string& key);
  void work();
  void connect(Lock& lock);
  void wait_for_work(Lock& lock);
  void look_up(Lock& lock);
  void write(Lock& lock);
  void check(Lock& lock);
  void lost(const std::string& why);

  const SharedResponsesOptions options_;
  std::atomic<bool> connected_{false}, stop_{false};
  std::atomic<std::uint64_t> hits_{0}, misses_{0}, discarded_{0}, outages_{0};

  // The thread's own.
  std::unique_ptr<RedisConnection> connection_;
  std::chrono::milliseconds pause_;
  bool warned_ = false;   // of the outage that lasts
  bool refused_ = false;  // the server does not take answers: warned of once

  std::mutex mutex_;  // guards everything below but the thread
  std::condition_variable wake_, answered_, idle_;
  std::deque<std::shared_ptr<Lookup>> lookups_;
  std::deque<Write> writes_;
  bool busy_ = false, ending_ = false;
  std::thread thread_;
};

}  // namespace oc
