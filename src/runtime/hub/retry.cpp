#include "runtime/hub/retry.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace oc::hub {

bool worth_a_retry(const HttpOutcome& outcome) {
  if (!outcome.failure.empty()) return !outcome.hopeless;
  const long status = outcome.head.status;
  return status == 408 || status == 425 || status == 429 || (status >= 500 && status != 501);
}

std::chrono::milliseconds back_off(int failures, const HttpHead& head) {
  if (head.retry_after_s)
    return std::chrono::milliseconds(std::clamp(*head.retry_after_s, 0, 120) * 1000 + 100);
  static std::minstd_rand random{std::random_device{}()};  // clients of one outage spread out
  const int base = std::min(300 << std::clamp(failures - 1, 0, 10), 20'000);
  return std::chrono::milliseconds(base - base / 4 +
                                   std::uniform_int_distribution<int>(0, base / 4)(random));
}

std::string reason(const HttpOutcome& outcome) {
  if (!outcome.failure.empty()) return outcome.failure;
  return fmt::format("the server answered {}", outcome.head.status);
}

Error stopped() {
  return {ErrorCode::kCancelled, "stopped", "the same command goes on where this one stopped"};
}

Error to_error(const HttpOutcome& outcome, std::string_view what, const Hub& hub) {
  const std::string_view code = outcome.head.error_code;
  if (!outcome.failure.empty())
    return {ErrorCode::kUnavailable,
            fmt::format("cannot get {} from {}: {}", what, hub.base, outcome.failure),
            outcome.hopeless ? "" : "what came is kept: the same command goes on"};
  const long status = outcome.head.status;
  const bool gated = code == "GatedRepo";
  if (status == 401 || status == 403) {
    const std::string message = fmt::format("{} refuses {} ({})", hub.base, what, status);
    if (gated)
      return {ErrorCode::kUnauthenticated, message,
              "accept the model's terms on its page, then set HF_TOKEN to a token of that account"};
    if (!hub.token.empty() && !may_carry_token(hub, hub.base + "/"))
      return {ErrorCode::kUnauthenticated, message,
              "HF_TOKEN was not sent, as it would go unencrypted; give an https address"};
    // The hub says 401 for a repository that does not exist, too.
    return {ErrorCode::kUnauthenticated, message,
            hub.token.empty() ? "no such model, or a private one: check the name, or set HF_TOKEN"
                              : "the token in HF_TOKEN is not valid, or may not read this model"};
  }
  if (status == 404) {
    if (code == "RevisionNotFound")
      return {ErrorCode::kNotFound, fmt::format("{} has no {}: no such revision", hub.base, what),
              "its page lists branches and tags; without @REVISION it is main"};
    return {ErrorCode::kNotFound, fmt::format("{} has no {}", hub.base, what),
            "check the name; capitals count"};
  }
  if (status == 429)
    return {ErrorCode::kUnavailable, fmt::format("{} is asked too often (429)", hub.base),
            "wait a while; the same command goes on where this one stopped"};
  return {ErrorCode::kUnavailable,
          fmt::format("{} answers {} to the request for {}", hub.base, status, what),
          status >= 500 ? "wait a while; the same command goes on where this one stopped"
                        : "is OCELLUS_HUB a server with the Hugging Face interface?"};
}

}  // namespace oc::hub
