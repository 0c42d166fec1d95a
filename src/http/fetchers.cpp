#include "http/fetchers.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <utility>

namespace oc::http {

struct Fetchers::State {
  // One whose work waits or is being done.
  struct Client {
    int holds = 0;  // fetchers; what is late is done without one
    int posted = 0;
  };
  using Clients = std::map<std::string, Client>;

  struct Waiting {
    Clients::iterator client;
    std::optional<Clock::time_point> deadline;
    std::function<void()> work;

    bool is_over() const { return deadline && *deadline <= Clock::now(); }
  };

  explicit State(int fetchers) : free(fetchers) {}

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Waiting> waiting;  // in the order in which they came
  Clients clients;
  int free;         // fetchers
  int at_work = 0;  // threads
  bool finishing = false;

  void end() {
    {
      const std::lock_guard lock(mutex);
      finishing = true;
    }
    wake.notify_all();
  }

  void add(const std::string& client, std::optional<Clock::time_point> deadline,
           std::function<void()> work) {
    const auto place = clients.try_emplace(client).first;
    ++place->second.posted;
    try {
      waiting.push_back({place, deadline, std::move(work)});
    } catch (const std::bad_alloc&) {
      is_done(place);
      throw;
    }
  }

  void is_done(Clients::iterator client) {
    if (--client->second.posted == 0) clients.erase(client);
  }

  // Whose turn it is; the end: nobody's.
  std::deque<Waiting>::iterator next() {
    const auto over = std::ranges::find_if(waiting, &Waiting::is_over);
    if (over != waiting.end()) return over;
    const auto fewest = std::ranges::min_element(
        waiting, {}, [](const Waiting& one) { return one.client->second.holds; });
    return fewest == waiting.end() || fewest->client->second.holds >= free ? waiting.end() : fewest;
  }

  void wait_for_more(std::unique_lock<std::mutex>& lock) {
    std::optional<Clock::time_point> first;
    for (const Waiting& one : waiting)
      if (one.deadline) first = std::min(first.value_or(*one.deadline), *one.deadline);
    if (first)
      wake.wait_until(lock, *first);
    else
      wake.wait(lock);
  }

  // Takes no memory: what is thrown here would end the process.
  void take(Waiting one, std::unique_lock<std::mutex>& lock) {
    const bool fetches = !one.is_over();
    Client& client = one.client->second;
    ++at_work;
    if (fetches) {
      --free;
      ++client.holds;
    }
    if (!waiting.empty()) wake.notify_one();  // that somebody looks at their deadlines
    lock.unlock();
    try {
      one.work();
    } catch (const std::exception&) {
      // Work says itself what went wrong; for what it could not say there was no memory.
    }
    one.work = nullptr;  // whatever it holds goes here, without the lock
    lock.lock();
    --at_work;
    if (fetches) {
      ++free;
      --client.holds;
    }
    is_done(one.client);
    if (finishing) wake.notify_all();
  }

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      const auto turn = next();
      if (turn != waiting.end()) {
        Waiting one = std::move(*turn);
        waiting.erase(turn);
        take(std::move(one), lock);
      } else if (finishing && at_work == 0 && waiting.empty()) {  // what is at work may post more
        return;
      } else {
        wait_for_more(lock);
      }
    }
  }
};

// One thread more than fetchers, so that somebody always looks at the deadlines.
Fetchers::Fetchers(int fetchers)
    : state_(std::make_shared<State>(fetchers)),
      threads_(fetchers + 1, [state = state_] { state->run(); }) {}

Fetchers::~Fetchers() {
  state_->end();
  threads_.join_or_let_go();
}

void Fetchers::post(const std::string& client, std::optional<Clock::time_point> deadline,
                    std::function<void()> work) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->finishing && state_->at_work == 0 && state_->waiting.empty()) return;
    state_->add(client, deadline, std::move(work));
  }
  state_->wake.notify_one();
}

void Fetchers::finish() {
  state_->end();
  threads_.join();
}

}  // namespace oc::http
