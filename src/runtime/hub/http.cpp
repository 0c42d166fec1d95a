#include "runtime/hub/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <vector>

#include "base/check.h"

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

// Certificates do not mend by waiting; a name server, a socket or a peer may.
// Where a hub's certificate is signed by somebody of one's own: the variables that curl's command
// and OpenSSL know; the library looks at neither.
const char* authorities() {
  for (const char* variable : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"})
    if (const char* file = std::getenv(variable); file != nullptr && *file != '\0') return file;
  return nullptr;
}

bool is_hopeless(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
         code == CURLE_OUT_OF_MEMORY;
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
  struct Transfer {
    Impl* owner = nullptr;
    Id id = 0;
    CURL* easy = nullptr;
    curl_slist* headers = nullptr;
    HttpRequest request;
    HttpHead head;
    std::string url;
    std::size_t header_bytes = 0, ignored_bytes = 0;
    int redirects = 0;
    bool announced = false, stopped = false;
    char error[CURL_ERROR_SIZE] = {};

    ~Transfer() {
      if (easy != nullptr) {
        curl_multi_remove_handle(owner->multi, easy);
        curl_easy_cleanup(easy);
      }
      curl_slist_free_all(headers);
    }
    bool success() const { return head.status >= 200 && head.status < 300; }
  };

  Hub hub;
  int stall_s;
  CURLM* multi;
  Id next_id = 1;
  std::map<Id, std::unique_ptr<Transfer>> transfers;

  static std::size_t on_header(char* data, std::size_t, std::size_t bytes, void* user) {
    Transfer& t = *static_cast<Transfer*>(user);
    t.header_bytes += bytes;
    if (t.header_bytes > kMaxHeaderBytes) return 0;
    const std::string_view line = trimmed({data, bytes});
    if (line.starts_with("HTTP/")) {  // also after a 100 Continue
      t.head = HttpHead{};
      const std::size_t space = line.find(' ');
      if (space != line.npos) t.head.status = number<int>(line.substr(space + 1, 3)).value_or(0);
      return bytes;
    }
    const std::size_t colon = line.find(':');
    if (colon == line.npos) return bytes;
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (name == "content-length") t.head.content_length = number<std::uint64_t>(value);
    if (name == "content-range") t.head.content_range = parse_content_range(value);
    if (name == "retry-after") t.head.retry_after_s = number<int>(value);
    if (name == "link") t.head.link = value;
    if (name == "x-error-code") t.head.error_code = value;
    return bytes;
  }

  // False where on_head does not want the body.
  static bool announce(Transfer& t) {
    if (t.announced) return true;
    t.announced = true;
    return !t.request.on_head || t.request.on_head(t.head);
  }

  static std::size_t on_body(char* data, std::size_t, std::size_t bytes, void* user) {
    Transfer& t = *static_cast<Transfer*>(user);
    // The text of an error is for browsers: passed over, or not loaded where it is long.
    if (!t.success()) return (t.ignored_bytes += bytes) <= kMaxIgnoredBytes ? bytes : 0;
    const std::span<const std::byte> body(reinterpret_cast<const std::byte*>(data), bytes);
    if (announce(t) && (!t.request.on_data || t.request.on_data(body))) return bytes;
    t.stopped = true;
    return 0;
  }

  void open(Transfer& t) {
    if (t.easy == nullptr) t.easy = curl_easy_init();
    OC_CHECK(t.easy != nullptr, "curl_easy_init");
    curl_easy_reset(t.easy);
    curl_slist_free_all(t.headers);
    t.head = HttpHead{};
    t.header_bytes = t.ignored_bytes = 0;
    t.error[0] = '\0';
    t.headers = curl_slist_append(nullptr, "Accept-Encoding: identity");  // ranges count bytes
    if (may_carry_token(hub, t.url))
      t.headers = curl_slist_append(t.headers, ("Authorization: Bearer " + hub.token).c_str());
    const auto set = [&](CURLoption option, auto value) {
      const CURLcode code = curl_easy_setopt(t.easy, option, value);
      OC_CHECK(code == CURLE_OK, "curl option {}: {}", static_cast<int>(option),
               curl_easy_strerror(code));
    };
    curl_easy_setopt(t.easy, CURLOPT_URL, t.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    // One connection for each range: ranges that share one would share its window, too.
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_HTTPHEADER, t.headers);
    set(CURLOPT_USERAGENT, "ocellus");
    if (const char* file = authorities(); file != nullptr) set(CURLOPT_CAINFO, file);
    set(CURLOPT_NOSIGNAL, 0L);  // libcurl keeps SIGPIPE away while it works
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(std::min(stall_s, 20)));
    set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(kSlowest));
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(stall_s));
    set(CURLOPT_BUFFERSIZE, 256L << 10);
    set(CURLOPT_ERRORBUFFER, t.error);
    set(CURLOPT_HEADERFUNCTION, &on_header);
    set(CURLOPT_HEADERDATA, &t);
    set(CURLOPT_WRITEFUNCTION, &on_body);
    set(CURLOPT_WRITEDATA, &t);
    set(CURLOPT_PRIVATE, &t);
    if (t.request.range) {
      const ByteRange& range = *t.request.range;
      set(CURLOPT_RANGE, fmt::format("{}-{}", range.begin, range.end - 1).c_str());
    }
    OC_CHECK(curl_multi_add_handle(multi, t.easy) == CURLM_OK, "curl_multi_add_handle");
  }

  void finish(Transfer& t, CURLcode code) {
    curl_multi_remove_handle(multi, t.easy);
    HttpOutcome outcome;
    const bool answered = t.head.status >= 200 && !t.success();
    if (is_redirect(t.head.status)) {
      char* location = nullptr;
      curl_easy_getinfo(t.easy, CURLINFO_REDIRECT_URL, &location);
      const std::string to = location != nullptr ? location : "";
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
    } else if (code != CURLE_OK && !answered && !t.stopped) {
      outcome.failure = t.error[0] != '\0' ? t.error : curl_easy_strerror(code);
      if (code == CURLE_OPERATION_TIMEDOUT && t.head.status != 0)
        outcome.failure =
            fmt::format("it stalled: below {} bytes a second for {} s", kSlowest, stall_s);
      outcome.hopeless = is_hopeless(code);
    } else if (code == CURLE_OK && t.success() && !announce(t)) {  // a response without a body
      t.stopped = true;
    }
    outcome.head = t.head;
    outcome.stopped = t.stopped;
    // Gone from the list first: on_done may start others.
    const auto node = transfers.extract(t.id);
    if (t.request.on_done) t.request.on_done(outcome);
  }
};

HttpClient::HttpClient(const Hub& hub, int stall_s) {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  OC_CHECK(once == CURLE_OK, "curl_global_init: {}", curl_easy_strerror(once));
  impl_ = std::make_unique<Impl>();
  impl_->hub = hub;
  impl_->stall_s = stall_s;
  impl_->multi = curl_multi_init();
  OC_CHECK(impl_->multi != nullptr, "curl_multi_init");
}

HttpClient::~HttpClient() {
  impl_->transfers.clear();
  curl_multi_cleanup(impl_->multi);
}

const Hub& HttpClient::hub() const { return impl_->hub; }

HttpClient::Id HttpClient::start(HttpRequest request) {
  auto transfer = std::make_unique<Impl::Transfer>();
  transfer->owner = impl_.get();
  transfer->id = impl_->next_id++;
  transfer->url = request.url;
  transfer->request = std::move(request);
  Impl::Transfer& t = *transfer;
  impl_->transfers.emplace(t.id, std::move(transfer));
  impl_->open(t);
  return t.id;
}

void HttpClient::cancel(Id id) { impl_->transfers.erase(id); }

void HttpClient::step(std::chrono::milliseconds wait) {
  int running = 0;
  curl_multi_perform(impl_->multi, &running);
  std::vector<std::pair<Impl::Transfer*, CURLcode>> done;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(impl_->multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    Impl::Transfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    done.emplace_back(transfer, message->data.result);
  }
  for (const auto& [transfer, code] : done) impl_->finish(*transfer, code);
  if (done.empty())
    curl_multi_poll(impl_->multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
}

}  // namespace oc::hub
