#include "api/offline/server_answerer.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <chrono>
#include <thread>
#include <utility>

#include "api/offline/picture_question.h"
#include "base/check.h"
#include "base/clock.h"
#include "io/json_text.h"
#include "runtime/bench/load.h"
#include "runtime/bench/load_body.h"

namespace oc {
namespace {

namespace json = boost::json;

// What may be otherwise the next time.
bool is_passing(int status) {
  return status == 0 || status == 408 || status == 429 || (status >= 500 && status != 501);
}

// A chat request, once more with the members that ask for a stream.
std::string streamed(std::string body) {
  OC_CHECK(body.size() > 2 && body.front() == '{', "a body is an object with members");
  return R"({"stream":true,"stream_options":{"include_usage":true},)" + body.substr(1);
}

std::string body_of(const StreamedAnswer& answer) {
  return json_text(
      json::object{{"choices", json::array{{{"message", {{"content", answer.text}}},
                                            {"finish_reason", answer.finish_reason}}}},
                   {"usage",
                    {{"prompt_tokens", answer.prompt_tokens},
                     {"completion_tokens", answer.completion_tokens},
                     {"prompt_tokens_details", {{"cached_tokens", answer.cached_tokens}}}}}});
}

}  // namespace

Result<std::unique_ptr<ServerAnswerer>> ServerAnswerer::connect(ServerAnswererOptions options) {
  options.url = server_root(std::move(options.url));
  LoadClient client(options.url, options.api_key, options.timeout_s);
  ServerLoadOptions wanted;
  wanted.url = options.url;
  wanted.model = options.model;
  if (!options.name_hint.empty()) wanted.name_hint = options.name_hint;
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

ChatReply ServerAnswerer::ask_once(LoadClient& client, std::string_view path,
                                   const std::string& body, int& retry_after_s) const {
  if (!options_.streams) {
    const Stopwatch since;
    WholeResponse response = client.post(std::string(path), body);
    retry_after_s = response.retry_after_s;
    return {.status = static_cast<int>(response.status),
            .body = std::move(response.body),
            .failure = std::move(response.failure),
            .whole_ms = since.ms()};
  }
  OC_CHECK(path == kChatPath, "{} is not asked for streams", path);
  StreamedAnswer answer = client.ask(body);
  retry_after_s = answer.retry_after_s;
  ChatReply out{.status = static_cast<int>(answer.status),
                .body = std::move(answer.body),
                .failure = {},
                .whole_ms = answer.whole_ms};
  if (answer.error.empty()) {
    out.body = body_of(answer);
    if (!answer.empty()) out.first_text_ms = answer.text_ms.front();
  } else if (out.body.empty()) {  // nothing came, or a stream that broke
    out.status = 0;
    out.failure = std::move(answer.error);
  }
  return out;
}

ChatReply ServerAnswerer::answer(std::string_view path, std::string body) {
  if (options_.streams) body = streamed(std::move(body));
  auto client = take_client();
  ChatReply reply;
  double pause = options_.first_wait_s;
  const Stopwatch since;
  for (int i = 0; i < options_.tries; ++i) {
    if (stopped()) return {.stopped = true};
    client->set_timeout(std::chrono::milliseconds(
        std::max(1, static_cast<int>(1000.0 * options_.timeout_s - since.ms()))));
    int retry_after_s = 0;
    reply = ask_once(*client, path, body, retry_after_s);
    if (!is_passing(reply.status) || i + 1 == options_.tries) break;
    const double seconds = std::max(pause, static_cast<double>(std::min(retry_after_s, 60)));
    if (since.ms() / 1000 + seconds >= options_.timeout_s) break;
    wait(seconds);
    pause *= 2;
  }
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(client));
  }
  return reply;
}

std::optional<std::size_t> ServerAnswerer::resident_bytes() const {
  LoadClient client(options_.url, options_.api_key, options_.timeout_s);
  return server_resident_bytes(client);
}

std::optional<double> ServerAnswerer::load_ms() const {
  LoadClient client(options_.url, options_.api_key, options_.timeout_s);
  const auto body = client.get("/status");
  boost::system::error_code failed;
  const json::value document = body.ok() ? json::parse(*body, failed) : json::value();
  const json::value* models =
      !failed && document.is_object() ? document.get_object().if_contains("models") : nullptr;
  if (models == nullptr || !models->is_array()) return std::nullopt;
  for (const json::value& one : models->get_array()) {
    if (!one.is_object()) continue;
    const json::value* name = one.get_object().if_contains("name");
    const json::value* ms = one.get_object().if_contains("load_ms");
    if (name != nullptr && *name == json::string(options_.model) && ms != nullptr &&
        ms->is_number())
      return ms->to_number<double>(failed);
  }
  return std::nullopt;
}

}  // namespace oc
