#include "runtime/bench/load_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <charconv>

#include "base/ascii.h"
#include "base/clock.h"
#include "runtime/bench/server_reason.h"

namespace oc {
namespace {

namespace json = boost::json;

// Of a line, of the text in one answer, and of a body that is no stream.
constexpr std::size_t kMaxBytes = 16u << 20;
constexpr std::size_t kMaxTexts = 1u << 20;  // pieces of text in one answer
constexpr std::string_view kTooLong = "an answer of more than 16 MiB";

std::int64_t number_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

// How many tokens a piece of text is made of: known where log-probabilities were asked for.
std::size_t tokens_of(const json::object& choice) {
  const json::value* logprobs = choice.if_contains("logprobs");
  if (logprobs == nullptr || !logprobs->is_object()) return 1;
  const json::value* content = logprobs->get_object().if_contains("content");
  return content != nullptr && content->is_array() ? content->get_array().size() : 1;
}

// "503 the model is loading"
std::string status_text(long status, std::string_view body) {
  const std::string reason = server_reason(body);
  return reason.empty() ? fmt::format("the server's status is {}", status)
                        : fmt::format("{} {}", status, reason);
}

// Of a line of a response's head, if it is that one.
void read_retry_after(std::string_view line, int& seconds) {
  constexpr std::string_view kRetryAfter = "retry-after:";
  if (!starts_with_ignoring_case(line, kRetryAfter)) return;
  line.remove_prefix(kRetryAfter.size());
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  std::from_chars(line.data(), line.data() + line.size(), seconds);
}

// False: `failure` says that it is too much.
bool add_to(std::string& body, std::string_view bytes, std::string& failure) {
  if (body.size() + bytes.size() > kMaxBytes) {
    body.clear();
    failure = kTooLong;
    return false;
  }
  body += bytes;
  return true;
}

}  // namespace

void EventReader::add(std::string_view bytes, double ms) {
  while (!bytes.empty() && !failed()) {
    const std::size_t end = bytes.find('\n');
    if (line_.size() + std::min(end, bytes.size()) > kMaxBytes) {
      answer_.error = "a line of the stream is too long";
      return;
    }
    line_ += bytes.substr(0, end);
    if (end == bytes.npos) return;
    bytes.remove_prefix(end + 1);
    std::string_view line = line_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    constexpr std::string_view kData = "data:";
    if (line.starts_with(kData)) {
      line.remove_prefix(kData.size());
      if (line.starts_with(' ')) line.remove_prefix(1);
      event(line, ms);
    }
    line_.clear();
  }
}

void EventReader::event(std::string_view data, double ms) {
  if (data == "[DONE]") {
    ended_ = true;
    return;
  }
  boost::system::error_code code;
  const json::value value = json::parse(data, code);
  if (code || !value.is_object()) {
    answer_.error = "an event of the stream is no JSON object";
    return;
  }
  const json::object& object = value.get_object();
  if (object.contains("error")) {
    answer_.error = server_reason(data);
    return;
  }
  if (const json::value* usage = object.if_contains("usage"); usage && usage->is_object()) {
    const json::object& counts = usage->get_object();
    answer_.prompt_tokens = number_at(counts, "prompt_tokens");
    answer_.completion_tokens = number_at(counts, "completion_tokens");
    if (const json::value* details = counts.if_contains("prompt_tokens_details");
        details != nullptr && details->is_object())
      answer_.cached_tokens = number_at(details->get_object(), "cached_tokens");
  }
  const json::value* choices = object.if_contains("choices");
  if (choices == nullptr || !choices->is_array() || choices->get_array().empty()) return;
  const json::value& choice = choices->get_array().front();
  if (!choice.is_object()) return;
  if (const json::value* reason = choice.get_object().if_contains("finish_reason");
      reason != nullptr && reason->is_string())
    answer_.finish_reason = std::string(reason->get_string());
  const json::value* delta = choice.get_object().if_contains("delta");
  if (delta == nullptr || !delta->is_object()) return;
  const json::value* content = delta->get_object().if_contains("content");
  if (content != nullptr && content->is_string() && !content->get_string().empty()) {
    if (answer_.text_ms.size() >= kMaxTexts) {
      answer_.error = "the stream has more pieces than an answer can have";
      return;
    }
    if (answer_.text.size() + content->get_string().size() > kMaxBytes) {
      answer_.error = kTooLong;
      return;
    }
    answer_.text_ms.push_back(ms);
    answer_.text += std::string_view(content->get_string());
    answer_.text_tokens.push_back(tokens_of(choice.get_object()));
    if (on_text_ && !on_text_(ms)) enough_ = true;
  }
}

std::string server_root(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  if (url.ends_with("/v1")) url.resize(url.size() - 3);
  return url;
}

LoadClient::LoadClient(std::string url, std::string api_key, int timeout_s)
    : url_(std::move(url)),
      api_key_(std::move(api_key)),
      timeout_(std::chrono::seconds(timeout_s)) {}

TransferOptions LoadClient::options(const std::string& path) const {
  TransferOptions out;
  out.url = url_ + path;
  out.headers = {"Content-Type: application/json", "Expect:"};  // no round trip before a large body
  if (!api_key_.empty()) out.headers.push_back("Authorization: Bearer " + api_key_);
  out.timeout = timeout_;
  out.many_threads = true;
  return out;
}

StreamedAnswer LoadClient::ask(const std::string& body, EventReader::OnText on_text) {
  StreamedAnswer answer;
  EventReader events(answer, std::move(on_text));
  bool begun = false, whole = false;
  const Stopwatch since;
  TransferOptions wanted = options("/v1/chat/completions");
  wanted.body = body;
  wanted.on_header = [&](std::string_view line) {
    read_retry_after(line, answer.retry_after_s);
    return true;
  };
  wanted.on_body = [&](std::string_view bytes) {
    if (!begun) whole = transfer_.status() != 200 || bytes.starts_with('{');
    begun = true;
    if (whole) return add_to(answer.body, bytes, answer.error);
    events.add(bytes, since.ms());
    return !events.enough() && !events.failed();
  };
  transfer_.prepare(std::move(wanted));
  const auto failure = transfer_.perform();
  answer.whole_ms = since.ms();
  answer.status = transfer_.status();
  if (events.enough() || events.failed()) return answer;
  if (failure) {
    answer.error = failure->text;
    answer.body.clear();  // a part of it is no answer
  } else if (answer.status != 200) {
    answer.error = status_text(answer.status, answer.body);
  } else if (whole) {
    answer.error = "the server answers as a whole, though a stream was asked for";
  } else if (answer.error.empty() && !events.ended()) {
    answer.error = "the stream ended without [DONE]";
  }
  return answer;
}

WholeResponse LoadClient::post(const std::string& path, const std::string& body) {
  WholeResponse out;
  TransferOptions wanted = options(path);
  wanted.body = body;
  wanted.on_header = [&](std::string_view line) {
    read_retry_after(line, out.retry_after_s);
    return true;
  };
  wanted.on_body = [&](std::string_view bytes) { return add_to(out.body, bytes, out.failure); };
  transfer_.prepare(std::move(wanted));
  const auto failure = transfer_.perform();
  if (failure && out.failure.empty()) out.failure = failure->text;
  if (!failure) out.status = transfer_.status();
  return out;
}

Result<std::string> LoadClient::get(const std::string& path) {
  constexpr std::chrono::seconds kMaxTime{30};  // nothing is computed for it
  std::string body, too_long;
  TransferOptions wanted = options(path);
  wanted.timeout = std::min<std::chrono::milliseconds>(timeout_, kMaxTime);
  wanted.on_body = [&](std::string_view bytes) { return add_to(body, bytes, too_long); };
  transfer_.prepare(std::move(wanted));
  if (const auto failure = transfer_.perform())
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{}{}: {}", url_, path, too_long.empty() ? failure->text : too_long),
                 "start one with `ocellus serve`, or name another address"};
  if (const long status = transfer_.status(); status != 200)
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{}{}: {}", url_, path, status_text(status, body)),
                 status == 401 || status == 403 ? "put its key into $OCELLUS_API_KEY" : ""};
  return body;
}

}  // namespace oc
