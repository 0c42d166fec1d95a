#include "runtime/hub/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/check.h"
#include "runtime/hub/transfer.h"

namespace oc::hub {
namespace {

constexpr int kMaxRedirects = 5;
constexpr std::size_t kMaxHeaderBytes = 64u << 10, kMaxIgnoredBytes = 64u << 10;

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  const char* space = " \t\r\n";
  const std::size_t first = text.find_first_not_of(space);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view value) {
  if (!value.starts_with("bytes ")) return std::nullopt;
  value.remove_prefix(6);
  const std::size_t dash = value.find('-'), slash = value.find('/');
  if (dash == value.npos || slash == value.npos || slash < dash) return std::nullopt;
  const auto first = number<std::uint64_t>(value.substr(0, dash));
  const auto last = number<std::uint64_t>(value.substr(dash + 1, slash - dash - 1));
  const auto total = number<std::uint64_t>(value.substr(slash + 1));
  if (!first || !last || !total || *last < *first || *last >= *total) return std::nullopt;
  return ContentRange{{*first, *last + 1}, *total};
}

struct HttpClient::Impl {
  struct Download {
    Impl* owner = nullptr;
    Id id = 0;
    Transfer transfer;
    HttpRequest request;
    HttpHead head;
    std::string url;
    std::size_t header_bytes = 0, ignored_bytes = 0;
    int redirects = 0;
    bool announced = false, stopped = false;

    ~Download() { curl_multi_remove_handle(owner->multi, transfer.handle()); }
    bool success() const { return head.status >= 200 && head.status < 300; }
  };

  Hub hub;
  int stall_s;
  CURLM* multi;
  Id next_id = 1;
  std::map<Id, std::unique_ptr<Download>> downloads;

  static bool on_header(Download& t, std::string_view whole_line) {
    t.header_bytes += whole_line.size();
    if (t.header_bytes > kMaxHeaderBytes) return false;
    const std::string_view line = trimmed(whole_line);
    if (line.starts_with("HTTP/")) {  // also after a 100 Continue
      t.head = HttpHead{};
      const std::size_t space = line.find(' ');
      if (space != line.npos) t.head.status = number<int>(line.substr(space + 1, 3)).value_or(0);
      return true;
    }
    const std::size_t colon = line.find(':');
    if (colon == line.npos) return true;
    const std::string name = lower(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (name == "content-length") t.head.content_length = number<std::uint64_t>(value);
    if (name == "content-range") t.head.content_range = parse_content_range(value);
    if (name == "retry-after") t.head.retry_after_s = number<int>(value);
    if (name == "link") t.head.link = value;
    if (name == "x-error-code") t.head.error_code = value;
    return true;
  }

  // False where on_head does not want the body.
  static bool announce(Download& t) {
    if (t.announced) return true;
    t.announced = true;
    return !t.request.on_head || t.request.on_head(t.head);
  }

  static bool on_body(Download& t, std::string_view bytes) {
    // The text of an error is for browsers: passed over, or not loaded where it is long.
    if (!t.success()) return (t.ignored_bytes += bytes.size()) <= kMaxIgnoredBytes;
    if (announce(t) && (!t.request.on_data || t.request.on_data(std::as_bytes(std::span(bytes)))))
      return true;
    t.stopped = true;
    return false;
  }

  void open(Download& t) {
    t.head = HttpHead{};
    t.header_bytes = t.ignored_bytes = 0;
    const std::chrono::seconds stall(stall_s);
    TransferOptions options;
    options.url = t.url;
    options.headers.emplace_back("Accept-Encoding: identity");  // ranges count bytes
    if (may_carry_token(hub, t.url))
      options.headers.push_back("Authorization: Bearer " + hub.token);
    if (t.request.range)
      options.range = fmt::format("{}-{}", t.request.range->begin, t.request.range->end - 1);
    options.connect_timeout = std::min(stall, std::chrono::seconds(20));
    options.stall = stall;
    options.slowest = kSlowest;
    options.connection_of_its_own = true;
    options.large_buffer = true;
    options.on_header = [&t](std::string_view line) { return on_header(t, line); };
    options.on_body = [&t](std::string_view bytes) { return on_body(t, bytes); };
    t.transfer.prepare(std::move(options));
    OC_CHECK(curl_multi_add_handle(multi, t.transfer.handle()) == CURLM_OK,
             "curl_multi_add_handle");
  }

  void finish(Download& t, CURLcode code) {
    curl_multi_remove_handle(multi, t.transfer.handle());
    const auto failure = t.transfer.failure(code);
    HttpOutcome outcome;
    const bool answered = t.head.status >= 200 && !t.success();
    if (is_redirect(t.head.status)) {
      const std::string to = t.transfer.redirect_url();
      if (++t.redirects > kMaxRedirects) {
        outcome.failure = fmt::format("more than {} redirects", kMaxRedirects);
      } else if (!may_redirect(t.url, to)) {
        outcome.failure = "a redirect to an address that is none, or less safe";
      } else {
        t.url = to;
        open(t);
        return;
      }
      outcome.hopeless = true;
    } else if (failure && !answered && !t.stopped) {
      outcome.failure = failure->text;
      if (failure->timed_out && t.head.status != 0)
        outcome.failure =
            fmt::format("it stalled: below {} bytes a second for {} s", kSlowest, stall_s);
      outcome.hopeless = failure->hopeless;
    } else if (!failure && t.success() && !announce(t)) {  // a response without a body
      t.stopped = true;
    }
    outcome.head = t.head;
    outcome.stopped = t.stopped;
    // Gone from the list first: on_done may start others.
    const auto node = downloads.extract(t.id);
    if (t.request.on_done) t.request.on_done(outcome);
  }
};

HttpClient::HttpClient(const Hub& hub, int stall_s) {
  Transfer::load_library();
  impl_ = std::make_unique<Impl>();
  impl_->hub = hub;
  impl_->stall_s = stall_s;
  impl_->multi = curl_multi_init();
  OC_CHECK(impl_->multi != nullptr, "curl_multi_init");
}

HttpClient::~HttpClient() {
  impl_->downloads.clear();
  curl_multi_cleanup(impl_->multi);
}

const Hub& HttpClient::hub() const { return impl_->hub; }

HttpClient::Id HttpClient::start(HttpRequest request) {
  auto download = std::make_unique<Impl::Download>();
  download->owner = impl_.get();
  download->id = impl_->next_id++;
  download->url = request.url;
  download->request = std::move(request);
  Impl::Download& t = *download;
  impl_->downloads.emplace(t.id, std::move(download));
  impl_->open(t);
  return t.id;
}

void HttpClient::cancel(Id id) { impl_->downloads.erase(id); }

void HttpClient::step(std::chrono::milliseconds wait) {
  int running = 0;
  curl_multi_perform(impl_->multi, &running);
  std::vector<std::pair<Impl::Download*, CURLcode>> done;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(impl_->multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    for (const auto& [id, download] : impl_->downloads)
      if (download->transfer.handle() == message->easy_handle)
        done.emplace_back(download.get(), message->data.result);
  }
  for (const auto& [download, code] : done) impl_->finish(*download, code);
  if (done.empty())
    curl_multi_poll(impl_->multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
}

}  // namespace oc::hub
