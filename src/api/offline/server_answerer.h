// Any server with OpenAI's API.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/offline/answerer.h"
#include "base/result.h"
#include "runtime/bench/load_client.h"

namespace oc {

struct ServerAnswererOptions {
  std::string url;             // without /v1
  std::string api_key;         // empty: none is sent
  std::string model;           // empty: the first of /v1/models
  std::string name_hint = {};  // what to do where the server has no model
  int timeout_s = 600;         // of one answer, with all tries and the time between them
  int tries = 6;               // of a request that the server is too busy for, or did not get
  double first_wait_s = 0.5;   // before the second; each wait is twice the one before
  bool streams = false;        // answers come as streams: their first text's time is known
  std::function<bool()> stopped = {};  // whether the run is to end; any thread
};

class ServerAnswerer final : public Answerer {
 public:
  // kUnavailable: no server answers, or it names no model.
  static Result<std::unique_ptr<ServerAnswerer>> connect(ServerAnswererOptions options);

  // Of a stream the body is what the server would have answered without one, as far as read_reply()
  // looks.
  ChatReply answer(std::string_view path, std::string body) override;
  const std::string& model() const override { return options_.model; }
  const std::string& answered_by() const override { return options_.url; }
  std::string identity() const override { return options_.model; }

  // What a server of ours tells of itself; nullopt: this one does not.
  std::optional<std::size_t> resident_bytes() const;
  std::optional<double> load_ms() const;  // of the model

 private:
  explicit ServerAnswerer(ServerAnswererOptions options) : options_(std::move(options)) {}
  bool stopped() const { return options_.stopped && options_.stopped(); }
  std::unique_ptr<LoadClient> take_client();
  ChatReply ask_once(LoadClient& client, std::string_view path, const std::string& body,
                     int& retry_after_s) const;
  void wait(double seconds) const;

  ServerAnswererOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<LoadClient>> idle_;  // connections that nobody uses now
};

}  // namespace oc
