#include "api/offline/server_answerer.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "runtime/bench/load.h"
#include "runtime/bench/load_body.h"

namespace oc {
namespace {

// What may be otherwise the next time.
bool is_passing(long status) {
  return status == 0 || status == 408 || status == 429 || (status >= 500 && status != 501);
}

}  // namespace

Result<std::unique_ptr<ServerAnswerer>> ServerAnswerer::connect(ServerAnswererOptions options) {
  options.url = server_root(std::move(options.url));
  LoadClient client(options.url, options.api_key, options.timeout_s);
  ServerLoadOptions wanted;
  wanted.url = options.url;
  wanted.model = options.model;
  OC_ASSIGN_OR_RETURN(options.model, served_model(wanted, client));
  return std::unique_ptr<ServerAnswerer>(new ServerAnswerer(std::move(options)));
}

std::unique_ptr<LoadClient> ServerAnswerer::take_client() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty())
    return std::make_unique<LoadClient>(options_.url, options_.api_key, options_.timeout_s);
  auto client = std::move(idle_.back());
  idle_.pop_back();
  return client;
}

void ServerAnswerer::wait(double seconds) const {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < end && !stopped())
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

ChatReply ServerAnswerer::answer(std::string_view path, std::string body) {
  auto client = take_client();
  WholeResponse response;
  double pause = options_.first_wait_s;
  for (int i = 0; i < options_.tries; ++i) {
    if (stopped()) return {.stopped = true};
    response = client->post(std::string(path), body);
    if (!is_passing(response.status)) break;
    if (i + 1 < options_.tries)
      wait(std::max(pause, static_cast<double>(std::min(response.retry_after_s, 60))));
    pause *= 2;
  }
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(client));
  }
  return {.status = static_cast<int>(response.status),
          .body = std::move(response.body),
          .failure = std::move(response.failure)};
}

}  // namespace oc
