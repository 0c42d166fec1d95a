// One HTTP transfer over libcurl. Here, and nowhere else, stands what the program sets of it: for
// the hub's downloads, many at once on one thread, for the load generator's requests, and for
// pictures that a server's clients name.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oc {

struct TransferOptions {
  std::string url;                            // http or https; redirects are not followed
  std::vector<std::string> headers = {};      // "Name: value"; "Name:" leaves one of libcurl's out
  std::optional<std::string_view> body = {};  // POST; outlives the transfer
  std::string range = {};                     // "0-99"
  std::chrono::seconds connect_timeout{10};
  std::chrono::milliseconds timeout{0};  // for all of it; 0: none
  // Given up when fewer bytes a second come for so long; 0: never.
  std::chrono::seconds stall{0};
  long slowest = 0;
  // Ranges that share a connection would share its window, too.
  bool connection_of_its_own = false;
  bool large_buffer = false;
  // Other threads transfer as well, so that no signals may be used.
  bool many_threads = false;
  bool direct = false;  // by no proxy, whatever the environment says
  // "example.org:443:192.0.2.1,[2001:db8::1]": what the URL's host and port stand for; empty:
  // libcurl looks it up.
  std::string resolved = {};
  // Asked of each address before a connection to it is made; false: it is not made.
  std::function<bool(std::string_view address, int port)> may_connect = {};
  // Both within the transfer; false: stop, which is a failure.
  std::function<bool(std::string_view line)> on_header = {};
  std::function<bool(std::string_view bytes)> on_body = {};
};

// Why there is no whole response.
struct TransferFailure {
  std::string text;
  bool timed_out = false;
  // The same again would fail the same way: certificates do not mend by waiting; a name server, a
  // socket or a peer may.
  bool hopeless = false;
};

// Keeps its connection from transfer to transfer; by itself, or under libcurl's multi interface.
// One thread; not moved while one is under way.
class Transfer {
 public:
  Transfer();
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Once, before libcurl's multi interface is used.
  static void load_library();

  void prepare(TransferOptions options);
  std::optional<TransferFailure> perform();  // blocks
  // Likewise, until `stop` says so, which is asked some 50 times a second: then that is the
  // failure.
  std::optional<TransferFailure> perform(const std::function<bool()>& stop);
  // Of a transfer that libcurl's multi interface has ended with `code` (a CURLcode).
  std::optional<TransferFailure> failure(int code) const;

  long status() const;                    // of the response so far; 0: none came
  std::string redirect_url() const;       // absolute; empty: it is none
  void* handle() const { return easy_; }  // CURL*

 private:
  static std::size_t header(char* data, std::size_t, std::size_t bytes, void* user);
  static std::size_t body(char* data, std::size_t, std::size_t bytes, void* user);

  TransferOptions options_;
  void* easy_;                // CURL*
  void* headers_ = nullptr;   // curl_slist*
  void* resolved_ = nullptr;  // curl_slist*
  char message_[256] = {};
};

}  // namespace oc
