#include "runtime/hub/transfer.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/environment.h"

namespace oc {
namespace {

// Where a server's certificate is signed by somebody of one's own: the variables that curl's
// command and OpenSSL know; the library looks at neither.
std::optional<std::string> authorities() {
  const auto file = environment("CURL_CA_BUNDLE");
  return file ? file : environment("SSL_CERT_FILE");
}

bool is_hopeless(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
         code == CURLE_OUT_OF_MEMORY;
}

long seconds(std::chrono::seconds time) { return static_cast<long>(time.count()); }

// In place of libcurl's own: no socket for an address that may not be reached.
curl_socket_t open_socket(void* user, curlsocktype purpose, curl_sockaddr* to) {
  const auto& may_connect = static_cast<TransferOptions*>(user)->may_connect;
  std::array<char, NI_MAXHOST> address{};
  std::array<char, NI_MAXSERV> port{};
  if (purpose != CURLSOCKTYPE_IPCXN ||
      ::getnameinfo(&to->addr, to->addrlen, address.data(), address.size(), port.data(),
                    port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return CURL_SOCKET_BAD;
  const std::string_view digits = port.data();
  int number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (!may_connect(address.data(), number)) return CURL_SOCKET_BAD;
  const int fd = ::socket(to->family, to->socktype, to->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

}  // namespace

void Transfer::load_library() {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  OC_CHECK(once == CURLE_OK, "curl_global_init: {}", curl_easy_strerror(once));
}

Transfer::Transfer() {
  static_assert(sizeof message_ >= CURL_ERROR_SIZE);
  load_library();
  easy_ = curl_easy_init();
  OC_CHECK(easy_ != nullptr, "curl_easy_init");
}

Transfer::~Transfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(static_cast<curl_slist*>(headers_));
  curl_slist_free_all(static_cast<curl_slist*>(resolved_));
}

void Transfer::prepare(TransferOptions options) {
  options_ = std::move(options);
  curl_easy_reset(easy_);
  curl_slist_free_all(static_cast<curl_slist*>(std::exchange(headers_, nullptr)));
  curl_slist* list = nullptr;
  for (const std::string& one : options_.headers) list = curl_slist_append(list, one.c_str());
  headers_ = list;
  curl_slist_free_all(static_cast<curl_slist*>(std::exchange(resolved_, nullptr)));
  message_[0] = '\0';
  const auto set = [&](CURLoption option, auto value) {
    const CURLcode code = curl_easy_setopt(easy_, option, value);
    OC_CHECK(code == CURLE_OK, "curl option {}: {}", static_cast<int>(option),
             curl_easy_strerror(code));
  };
  curl_easy_setopt(easy_, CURLOPT_URL, options_.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTPHEADER, list);
  set(CURLOPT_USERAGENT, "ocellus");
  if (const auto file = authorities()) set(CURLOPT_CAINFO, file->c_str());
  // Without it libcurl keeps SIGPIPE away while it works.
  set(CURLOPT_NOSIGNAL, options_.many_threads ? 1L : 0L);
  set(CURLOPT_TCP_NODELAY, 1L);
  if (options_.connection_of_its_own)
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (options_.large_buffer) set(CURLOPT_BUFFERSIZE, 256L << 10);
  set(CURLOPT_CONNECTTIMEOUT, seconds(options_.connect_timeout));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
  set(CURLOPT_LOW_SPEED_LIMIT, options_.slowest);
  set(CURLOPT_LOW_SPEED_TIME, seconds(options_.stall));
  set(CURLOPT_ERRORBUFFER, message_);
  set(CURLOPT_HEADERFUNCTION, &Transfer::header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &Transfer::body);
  set(CURLOPT_WRITEDATA, this);
  if (options_.direct) set(CURLOPT_PROXY, "");
  if (!options_.resolved.empty()) {
    resolved_ = curl_slist_append(nullptr, options_.resolved.c_str());
    set(CURLOPT_RESOLVE, static_cast<curl_slist*>(resolved_));
  }
  if (options_.may_connect) {
    set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    set(CURLOPT_OPENSOCKETDATA, &options_);
  }
  if (!options_.range.empty()) set(CURLOPT_RANGE, options_.range.c_str());
  if (options_.body) {
    set(CURLOPT_POSTFIELDS, options_.body->data());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(options_.body->size()));
  }
}

std::optional<TransferFailure> Transfer::perform() { return failure(curl_easy_perform(easy_)); }

std::optional<TransferFailure> Transfer::perform(const std::function<bool()>& stop) {
  const std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi(curl_multi_init(), curl_multi_cleanup);
  OC_CHECK(multi && curl_multi_add_handle(multi.get(), easy_) == CURLM_OK, "libcurl's multi");
  CURLcode code = CURLE_ABORTED_BY_CALLBACK;
  int running = 1, left = 0;
  while (running > 0 && !stop()) {
    if (curl_multi_perform(multi.get(), &running) != CURLM_OK) break;
    if (running > 0) curl_multi_poll(multi.get(), nullptr, 0, 20, nullptr);
  }
  if (const CURLMsg* message = curl_multi_info_read(multi.get(), &left);
      message != nullptr && message->msg == CURLMSG_DONE)
    code = message->data.result;
  curl_multi_remove_handle(multi.get(), easy_);
  return failure(code);
}

std::optional<TransferFailure> Transfer::failure(int code) const {
  const auto why = static_cast<CURLcode>(code);
  if (why == CURLE_OK) return std::nullopt;
  return TransferFailure{.text = message_[0] != '\0' ? message_ : curl_easy_strerror(why),
                         .timed_out = why == CURLE_OPERATION_TIMEDOUT,
                         .hopeless = is_hopeless(why)};
}

long Transfer::status() const {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

std::string Transfer::redirect_url() const {
  char* location = nullptr;
  curl_easy_getinfo(easy_, CURLINFO_REDIRECT_URL, &location);
  return location != nullptr ? location : "";
}

std::size_t Transfer::header(char* data, std::size_t, std::size_t bytes, void* user) {
  const auto& on_header = static_cast<Transfer*>(user)->options_.on_header;
  return !on_header || on_header({data, bytes}) ? bytes : 0;
}

std::size_t Transfer::body(char* data, std::size_t, std::size_t bytes, void* user) {
  const auto& on_body = static_cast<Transfer*>(user)->options_.on_body;
  return !on_body || on_body({data, bytes}) ? bytes : 0;
}

}  // namespace oc
