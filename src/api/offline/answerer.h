// Who answers chat requests for verbs that have many to ask: a model of this process, or a server.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "models/task.h"

namespace oc {

struct ChatReply {
  int status = 0;        // HTTP's, 200: `body` is the answer; 0: none came, `failure` says why
  std::string body;      // in the dialect of the path
  std::string failure;   // for people
  bool stopped = false;  // the run was told to end: this is no answer, and no failure
  // From when it was asked, tries before the last one left out; only of answers.
  std::optional<double> first_text_ms = {};  // nullopt: there was no text, or it is not known
  double whole_ms = 0;
};

class Answerer {
 public:
  virtual ~Answerer() = default;
  // The reply to a POST of `body` to `path` ("/v1/chat/completions"). Blocks; any thread.
  virtual ChatReply answer(std::string_view path, std::string body) = 0;
  virtual const std::string& model() const = 0;        // its name
  virtual const std::string& answered_by() const = 0;  // the engine, or the server's address
  // What the model does beside conversations; none where it is not known.
  virtual TaskSupport tasks() const { return {}; }
  // What an interrupted run must go on with: the model's name and, where it is known, its weights.
  virtual std::string identity() const = 0;
};

// Whether a reply says that the others will fare no better: the answers do not come through, or the
// key or the model's name is wrong. What else goes wrong is the matter of one request.
constexpr bool is_about_all(const ChatReply& reply) {
  switch (reply.status) {
    case 0:
    case 401:
    case 403:
    case 404:
    case 408:
    case 429:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return false;
  }
}

}  // namespace oc
