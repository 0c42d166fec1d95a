#include "runtime/hub/api.h"

#include <fmt/format.h>

#include "base/units.h"

namespace oc::hub {
namespace {

constexpr std::size_t kMaxListing = 16u << 20;  // bytes; a thousand files have 200 kB
constexpr int kMaxPages = 50;
constexpr std::size_t kMaxFiles = 20'000;  // of all pages
constexpr std::chrono::milliseconds kTick{50};
constexpr int kStallsOfAnAnswer = 10;  // times Patience::stall_s: as long as it may take in all

struct Reply {
  std::string body, link;
  HttpOutcome outcome;
  bool too_large = false;
  bool success() const {
    return outcome.failure.empty() && !outcome.stopped && outcome.head.status >= 200 &&
           outcome.head.status < 300;
  }
};

Result<Reply> get_once(HttpClient& http, const std::string& url, std::size_t max_bytes,
                       const Patience& patience) {
  Reply reply;
  bool done = false;
  const HttpClient::Id id = http.start(
      {.url = url,
       .range = std::nullopt,
       .on_head = [](const HttpHead&) { return true; },
       .on_data =
           [&](std::span<const std::byte> bytes) {
             reply.too_large = reply.body.size() + bytes.size() > max_bytes;
             if (!reply.too_large)
               reply.body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
             return !reply.too_large;
           },
       .on_done =
           [&](const HttpOutcome& outcome) {
             reply.outcome = outcome;
             done = true;
           }});
  const std::chrono::seconds limit(kStallsOfAnAnswer * patience.stall_s);
  for (const auto end = Clock::now() + limit; !done;) {
    if (patience.stop() || Clock::now() >= end) {
      http.cancel(id);
      if (patience.stop()) return stopped();
      reply.outcome.failure = fmt::format("the answer is not whole after {} s", limit.count());
      reply.outcome.hopeless = true;
      return reply;
    }
    http.step(kTick);
  }
  return reply;
}

Result<Reply> get(HttpClient& http, const std::string& url, std::size_t max_bytes,
                  const Patience& patience) {
  for (int failures = 0;;) {
    OC_ASSIGN_OR_RETURN(Reply reply, get_once(http, url, max_bytes, patience));
    if (reply.success() || reply.too_large || !worth_a_retry(reply.outcome) ||
        failures >= patience.retries)
      return reply;
    const auto wait = back_off(++failures, reply.outcome.head);
    patience.tell(fmt::format("retrying in {}: {}",
                              human_seconds(static_cast<double>(wait.count()) / 1000),
                              reason(reply.outcome)));
    for (const auto until = Clock::now() + wait; Clock::now() < until;) {
      if (patience.stop()) return stopped();
      http.step(kTick);
    }
  }
}

}  // namespace

Result<std::string> get_text(HttpClient& http, const std::string& url, std::string_view what,
                             std::size_t max_bytes, const Patience& patience, std::string* link) {
  OC_ASSIGN_OR_RETURN(Reply reply, get(http, url, max_bytes, patience));
  if (reply.too_large)
    return Error{
        ErrorCode::kTooLarge,
        fmt::format("the hub's answer about {} has more than {}", what, human_bytes(max_bytes)),
        "is OCELLUS_HUB a server with the Hugging Face interface?"};
  if (!reply.success()) return to_error(reply.outcome, what, http.hub());
  if (link != nullptr) *link = reply.outcome.head.link;
  return std::move(reply.body);
}

Result<Revision> resolve_revision(HttpClient& http, const ModelRef& ref, const Patience& patience) {
  const std::string what = fmt::format("{} at {}", ref.repo, ref.revision);
  OC_ASSIGN_OR_RETURN(Reply reply, get(http, revision_url(http.hub(), ref), kMaxListing, patience));
  if (reply.too_large)
    return Error{ErrorCode::kTooLarge, fmt::format("the hub's answer about {} has more than {}",
                                                   what, human_bytes(kMaxListing))};
  if (reply.success()) return parse_revision(reply.body);
  if (reply.outcome.head.status == 404 && reply.outcome.head.error_code.empty()) {
    OC_ASSIGN_OR_RETURN(const Reply repo,
                        get(http, repo_url(http.hub(), ref), kMaxListing, patience));
    if (repo.success()) reply.outcome.head.error_code = "RevisionNotFound";
  }
  const bool revision = reply.outcome.head.error_code == "RevisionNotFound";
  return to_error(reply.outcome, revision ? what : "model " + ref.repo, http.hub());
}

Result<std::vector<HubFile>> list_files(HttpClient& http, const ModelRef& ref,
                                        std::string_view commit, const Patience& patience) {
  std::vector<HubFile> files;
  std::string url = tree_url(http.hub(), ref, commit);
  for (int page = 0; page < kMaxPages; ++page) {
    std::string link;
    OC_ASSIGN_OR_RETURN(const std::string body,
                        get_text(http, url, "files of " + ref.repo, kMaxListing, patience, &link));
    OC_ASSIGN_OR_RETURN(std::vector<HubFile> more, parse_tree(body));
    if (files.size() + more.size() > kMaxFiles) break;
    files.insert(files.end(), more.begin(), more.end());
    const std::optional<std::string> next = next_page(link);
    if (!next) return files;
    if (!same_origin(*next, http.hub().base))
      return Error{ErrorCode::kCorrupt, "the hub's list of files goes on at another server",
                   "is OCELLUS_HUB the address that the hub itself goes by?"};
    url = *next;
  }
  return Error{ErrorCode::kTooLarge, fmt::format("{} has more files than can be listed", ref.repo),
               "is this the repository of a model?"};
}

}  // namespace oc::hub
