// Several HTTP downloads at once on one thread, over libcurl. Redirects are followed here and not
// by libcurl, so that the token goes to the hub's own origin only and https never becomes http.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/hub/names.h"

namespace oc::hub {

// Bytes [begin, end) of a file.
struct ByteRange {
  std::uint64_t begin = 0, end = 0;
  std::uint64_t size() const { return end - begin; }
  bool operator==(const ByteRange&) const = default;
};

// "bytes 0-99/1000": what came, and of how many bytes.
struct ContentRange {
  ByteRange range;
  std::uint64_t total = 0;
};
std::optional<ContentRange> parse_content_range(std::string_view value);

// Status line and the headers that matter; texts are as the server sent them.
struct HttpHead {
  long status = 0;  // 0: none came
  std::optional<std::uint64_t> content_length;
  std::optional<ContentRange> content_range;
  std::optional<int> retry_after_s;
  std::string link;        // Link
  std::string error_code;  // X-Error-Code: "RepoNotFound", "RevisionNotFound", "GatedRepo", …
};

struct HttpOutcome {
  HttpHead head;
  std::string failure;    // no whole response: why; empty otherwise
  bool stopped = false;   // by on_head or on_data
  bool hopeless = false;  // the same again would fail the same way (certificate, bad redirect)
};

// The callbacks run within HttpClient::step(). Those for head and data see 2xx responses only.
struct HttpRequest {
  std::string url;
  std::optional<ByteRange> range;
  std::function<bool(const HttpHead&)> on_head;             // false: stop
  std::function<bool(std::span<const std::byte>)> on_data;  // false: stop
  std::function<void(const HttpOutcome&)> on_done;          // once, unless cancelled
};

// Bytes a second below which a connection counts as stalled: 2 GB would take weeks.
inline constexpr int kSlowest = 1024;

class HttpClient {
 public:
  // stall_s: a connection that stays below kSlowest for so long is given up, whatever it is at.
  HttpClient(const Hub& hub, int stall_s);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  using Id = std::uint64_t;
  Id start(HttpRequest request);
  // Not from within a callback.
  void cancel(Id id);
  // Moves what there is to move, waiting at most so long for the network.
  void step(std::chrono::milliseconds wait);

  const Hub& hub() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace oc::hub
