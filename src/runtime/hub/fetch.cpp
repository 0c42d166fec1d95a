#include "runtime/hub/fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <list>
#include <memory>
#include <optional>
#include <set>

#include "base/units.h"
#include "runtime/hub/part_file.h"

namespace oc::hub {
namespace {

constexpr std::chrono::milliseconds kStepTime{50};
// Bytes after which a connection was of use. What a server keeps up for ever is thus no less than
// this in the time of a stall.
constexpr std::uint64_t kProgressCounts = 32u << 10;
constexpr int kLiesBelieved = 2;  // a cache on the way may be at fault, and mend
constexpr const char* kLies = "the server and the hub's list contradict each other";

// A file on its way: loading, then checking, then done.
struct Item {
  enum class State { kLoading, kChecking, kDone };
  const FetchFile* source = nullptr;
  std::unique_ptr<PartFile> part;
  State state = State::kLoading;
  std::set<std::size_t> taken;  // ranges that a connection is at
  bool whole = false;           // the server sends all of it, whatever the range
  bool whole_taken = false;     // one connection is at that
  bool damaged = false;         // came once with a wrong digest
  int failures = 0;             // without bytes in between
  int epoch = 0;                // connections that broke off together count as one failure
  Clock::time_point not_before{};
  std::future<Result<std::string>> digest;
  std::string previous_digest;

  const HubFile& file() const { return source->file; }
};

// One connection.
struct FetchSlot {
  HttpClient::Id id = 0;
  Item* item = nullptr;
  std::size_t range = 0;
  ByteRange asked, missing;  // asked.end: what the server says that it sends
  std::uint64_t at = 0;      // where the next byte belongs
  std::uint64_t gained = 0;
  int epoch = 0;
  bool whole = false;      // sends the file from its first byte
  bool redundant = false;  // another one does
  std::string fault;       // why it was stopped
};

class Fetcher {
 public:
  Fetcher(HttpClient& http, const FetchOptions& options) : http_(http), options_(options) {}
  ~Fetcher() {
    stop_ = true;  // the futures wait for their threads
    for (const FetchSlot& slot : slots_) http_.cancel(slot.id);
  }

  Result<void> run(const std::filesystem::path& folder, const std::vector<FetchFile>& files) {
    for (const FetchFile& file : files) {
      auto item = std::make_unique<Item>();
      item->source = &file;
      OC_ASSIGN_OR_RETURN(item->part,
                          PartFile::open(folder, file.file.name, file.file.size, file.file.digest));
      items_.push_back(std::move(item));
    }
    while (!error_ && std::ranges::any_of(items_, [](const auto& item) {
      return item->state != Item::State::kDone;
    })) {
      if (options_.patience.stop()) return stopped();
      start_connections();
      http_.step(kStepTime);
      for (const auto& item : items_) advance(*item);
      report();
    }
    if (error_) return *std::move(error_);
    return {};
  }

 private:
  void start_connections() {
    for (const auto& item : items_) {
      if (item->state != Item::State::kLoading || Clock::now() < item->not_before) continue;
      if (Clock::now() < not_before_) return;
      for (std::size_t i = 0; i < item->part->ranges(); ++i) {
        if (slots_.size() >= static_cast<std::size_t>(options_.connections)) return;
        if (item->whole && item->whole_taken) break;
        const ByteRange missing = item->part->missing(i);
        if (missing.size() == 0 || item->taken.contains(i)) continue;
        start(*item, i, missing);
        if (item->whole) break;
      }
    }
  }

  void start(Item& item, std::size_t range, ByteRange missing) {
    FetchSlot& slot = slots_.emplace_back();
    slot.item = &item;
    slot.range = range;
    slot.asked = slot.missing = missing;
    slot.at = missing.begin;
    slot.epoch = item.epoch;
    if (item.whole) slot.whole = item.whole_taken = true;
    item.taken.insert(range);
    HttpRequest request;
    request.url = item.source->url;
    if (!item.whole) request.range = missing;
    request.on_head = [this, &slot](const HttpHead& head) { return on_head(slot, head); };
    request.on_data = [this, &slot](std::span<const std::byte> data) {
      return on_data(slot, data);
    };
    request.on_done = [this, &slot](const HttpOutcome& outcome) { on_done(slot, outcome); };
    slot.id = http_.start(std::move(request));
  }

  bool on_head(FetchSlot& slot, const HttpHead& head) {
    Item& item = *slot.item;
    const std::uint64_t size = item.part->size();
    if (head.status == 206) {
      // A server may send less than was asked for; the rest is asked for again.
      if (!slot.whole && head.content_range && head.content_range->total == size &&
          head.content_range->range.begin == slot.asked.begin &&
          head.content_range->range.end <= slot.asked.end) {
        slot.asked.end = head.content_range->range.end;
        return true;
      }
      slot.fault = head.content_range && head.content_range->total != size
                       ? fmt::format("the hub lists {} bytes, the server has {}", size,
                                     head.content_range->total)
                       : std::string("the server sends another range than was asked for");
      return false;
    }
    if (head.status != 200) {
      slot.fault = fmt::format("the server answered {}", head.status);
      return false;
    }
    if (head.content_length && *head.content_length != size) {
      slot.fault =
          fmt::format("the hub lists {} bytes, the server sends {}", size, *head.content_length);
      return false;
    }
    if (!slot.whole && item.whole_taken) {
      slot.redundant = true;
      return false;
    }
    item.whole = item.whole_taken = slot.whole = true;
    slot.at = 0;
    return true;
  }

  bool on_data(FetchSlot& slot, std::span<const std::byte> data) {
    Item& item = *slot.item;
    const std::uint64_t end = slot.whole ? item.part->size() : slot.asked.end;
    if (data.size() > end - slot.at) {
      slot.fault = fmt::format("the server sends more than the {} bytes that were asked for",
                               slot.whole ? end : slot.asked.size());
      return false;
    }
    const std::uint64_t before = item.part->received();
    if (auto written = item.part->write(slot.at, data); !written.ok()) {
      error_ = std::move(written).error();
      return false;
    }
    slot.at += data.size();
    slot.gained += item.part->received() - before;
    return true;
  }

  void on_done(FetchSlot& slot, const HttpOutcome& outcome) {
    Item& item = *slot.item;
    const FetchSlot ended = slot;  // the node goes now
    item.taken.erase(ended.range);
    if (ended.whole) item.whole_taken = false;
    std::erase_if(slots_, [&](const FetchSlot& s) { return s.id == ended.id; });
    if (error_ || ended.redundant) return;
    if (ended.gained >= kProgressCounts) item.failures = 0;

    const long status = outcome.head.status;
    const bool success = outcome.failure.empty() && status >= 200 && status < 300;
    if (success && !outcome.stopped) {
      if (ended.at == (ended.whole ? item.part->size() : ended.asked.end)) {
        const bool useful =
            ended.whole || ended.at == ended.missing.end || ended.gained >= kProgressCounts;
        if (!useful) return retry(item, ended, "the server sends crumbs", outcome, kLies);
        item.failures = 0;
        return;
      }
      return retry(item, ended, "the server ended early", outcome, kLies);
    }
    if (!ended.fault.empty()) return retry(item, ended, ended.fault, outcome, kLies);
    if (status == 416 && outcome.failure.empty())
      return retry(item, ended, fmt::format("the server has less than {} bytes", ended.asked.end),
                   outcome, kLies);
    if (worth_a_retry(outcome)) return retry(item, ended, reason(outcome), outcome, nullptr);
    error_ = to_error(outcome, item.file().name, http_.hub());
  }

  // `lies`: what to say in the end of a server that answers, but wrongly.
  void retry(Item& item, const FetchSlot& slot, const std::string& why, const HttpOutcome& outcome,
             const char* lies) {
    if (slot.epoch != item.epoch) return;  // went with one that has been counted
    ++item.epoch;
    const int retries = options_.patience.retries;
    if (++item.failures > (lies != nullptr ? std::min(retries, kLiesBelieved) : retries)) {
      if (lies != nullptr)
        error_ = Error{ErrorCode::kCorrupt, fmt::format("{}: {}", item.file().name, why), lies};
      else
        error_ = to_error(outcome, item.file().name, http_.hub());
      return;
    }
    const auto wait = back_off(item.failures, outcome.head);
    item.not_before = Clock::now() + wait;
    if (outcome.failure.empty() && (outcome.head.status == 429 || outcome.head.status == 503))
      not_before_ = item.not_before;  // meant for all that we ask
    options_.patience.tell(fmt::format("{}: retrying in {}: {}", item.file().name,
                                       human_seconds(static_cast<double>(wait.count()) / 1000),
                                       why));
  }

  void advance(Item& item) {
    if (error_) return;
    if (item.state == Item::State::kLoading && item.part->complete()) {
      // A stream of the whole file may still be at what others have brought.
      std::erase_if(slots_, [&](const FetchSlot& slot) {
        if (slot.item == &item) http_.cancel(slot.id);
        return slot.item == &item;
      });
      item.taken.clear();
      item.whole_taken = false;
      item.state = Item::State::kChecking;
      item.digest = std::async(
          std::launch::async,
          [this, path = item.part->path(), kind = item.file().kind, size = item.file().size] {
            return digest_file(
                path, kind, size, [this] { return stop_.load(); }, &checked_);
          });
    }
    if (item.state == Item::State::kChecking &&
        item.digest.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
      judge(item, item.digest.get());
  }

  void judge(Item& item, const Result<std::string>& digest) {
    const HubFile& file = item.file();
    if (!digest.ok()) {
      error_ = digest.error();
      return;
    }
    if (file.digest.empty() || *digest == file.digest) {
      if (auto named = item.part->finish(); !named.ok()) {
        error_ = std::move(named).error();
        return;
      }
      item.state = Item::State::kDone;
      if (options_.on_file) options_.on_file(file);
      return;
    }
    // Nothing of it can be trusted, so that the next try begins anew.
    checked_ -= file.size;
    if (auto reset = item.part->reset(); !reset.ok()) {
      error_ = std::move(reset).error();
      return;
    }
    if (item.damaged) {
      error_ = Error{ErrorCode::kCorrupt,
                     fmt::format("{}: its {} is {}, the hub lists {}", file.name,
                                 file.kind == FileDigestKind::kSha256 ? "SHA-256" : "git SHA-1",
                                 *digest, file.digest),
                     item.previous_digest == *digest
                         ? "the server holds another file than the hub lists"
                         : "something on the way or the disk damages the data"};
      return;
    }
    item.damaged = true;
    item.previous_digest = *digest;
    item.state = Item::State::kLoading;
    options_.patience.tell(fmt::format("{}: came damaged (wrong hash), once more", file.name));
  }

  void report() {
    if (!options_.on_progress || Clock::now() < next_report_) return;
    next_report_ = Clock::now() + std::chrono::milliseconds(100);
    FetchProgress progress;
    progress.checking = true;
    for (const auto& item : items_) {
      progress.received += item->part->received();
      if (item->state == Item::State::kDone) continue;
      // One that comes before one that is checked.
      const bool loading = item->state == Item::State::kLoading;
      if (!progress.file.empty() && !(loading && progress.checking)) continue;
      progress.file = item->file().name;
      progress.file_received = item->part->received();
      progress.file_size = item->part->size();
      if (loading) progress.checking = false;
    }
    progress.checked = checked_;
    options_.on_progress(progress);
  }

  HttpClient& http_;
  const FetchOptions& options_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> checked_{0};
  std::vector<std::unique_ptr<Item>> items_;  // after what their threads use
  std::list<FetchSlot> slots_;                // stable: callbacks point at them
  std::optional<Error> error_;
  Clock::time_point not_before_{}, next_report_{};
};

}  // namespace

Result<void> fetch(HttpClient& http, const std::filesystem::path& folder,
                   const std::vector<FetchFile>& files, const FetchOptions& options) {
  return Fetcher(http, options).run(folder, files);
}

}  // namespace oc::hub
