// Whole answers of requests that always give the same: served again at once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>

#include "runtime/cache/shared_responses.h"
#include "runtime/request.h"

namespace oc {

// SHA-256 (binary) over everything that decides the answer: model and engine (`computed_by`),
// cache scope, messages, pictures' pixels and `plans`, sampling, limits. nullopt for a request
// whose answer is drawn with a seed of its own.
std::optional<std::string> response_key(const GenerateRequest& request,
                                        std::span<const ImagePlan> plans,
                                        const std::string& computed_by);

// Any thread. Bounded in bytes, number and age, least recently used first out. `shared`, where
// there is one, is asked for what is not here, which may take some ms, and gets what is inserted.
class ResponseCache {
 public:
  ResponseCache(std::size_t max_bytes, std::chrono::seconds max_age,
                std::size_t max_entries = std::numeric_limits<std::size_t>::max(),
                std::shared_ptr<SharedResponses> shared = nullptr);
  ~ResponseCache();

  bool enabled() const { return max_bytes_ > 0 || shared_ != nullptr; }
  // Not the engine's thread. What another instance has written is a miss unless it `fits`. Without
  // the plans of pictures, which are not kept: whoever has the key has them.
  std::optional<GenerateResult> find(const std::string& key,
                                     const SharedResponses::Fits& fits = {});
  // Whether it is here; asks nobody else, and is no use of it.
  bool holds(const std::string& key) const;
  void insert(const std::string& key, const GenerateResult& result);
  // Calls `deliver` soon, on a thread of its own: the engine's may be amid a long step. Also where
  // nothing is kept: not only answers of the cache are known at once.
  void post(std::function<void()> deliver);
  void finish();  // returns when everything posted was delivered; nothing may be posted behind it

  std::size_t bytes() const;
  std::size_t entries() const;

 private:
  struct Entry {
    std::string key;
    GenerateResult result;
    std::size_t bytes = 0;
    std::chrono::steady_clock::time_point since;
  };
  std::optional<GenerateResult> find_here(const std::string& key);
  void insert_here(const std::string& key, const GenerateResult& result, std::chrono::seconds age);
  void drop(std::list<Entry>::iterator entry);
  void work();

  std::size_t max_bytes_, max_entries_;
  std::chrono::seconds max_age_;
  std::shared_ptr<SharedResponses> shared_;
  mutable std::mutex mutex_;  // guards everything below but the thread
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;  // latest use first
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> posted_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace oc
