#include "http/response_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

namespace oc::http {
namespace {

// RFC 9110: always English, always GMT.
std::string http_date() {
  constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                     kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                     utc.tm_min, utc.tm_sec);
}

// A 304 says how long the whole answer would be or nothing; never 0.
bool may_have_body(int status) { return status != 204 && status != 304; }

bool has_header(const Response& response, std::string_view wanted) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [&](const auto& header) { return header.first == wanted; });
}

}  // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

std::string make_head(const Response& response, const HeadOptions& options) {
  std::string head =
      fmt::format("HTTP/1.{} {} {}\r\nDate: {}\r\nServer: ocellus\r\n", options.http_1_0 ? 0 : 1,
                  response.status, reason_phrase(response.status), http_date());
  if (!response.content_type.empty()) head += "Content-Type: " + response.content_type + "\r\n";
  if (options.chunked)
    head += "Transfer-Encoding: chunked\r\n";
  else if (options.content_length && may_have_body(response.status))
    head += fmt::format("Content-Length: {}\r\n", *options.content_length);
  if (!options.request_id.empty())
    head += "x-request-id: " + std::string(options.request_id) + "\r\n";
  if (!has_header(response, "Cache-Control")) head += "Cache-Control: no-store\r\n";
  head += "X-Content-Type-Options: nosniff\r\n";
  if (response.status == 401) head += "WWW-Authenticate: Bearer\r\n";
  for (const auto& [name, value] : response.headers) head += name + ": " + value + "\r\n";
  if (!options.keep_alive)
    head += "Connection: close\r\n";
  else if (options.http_1_0)
    head += "Connection: keep-alive\r\n";
  return head + "\r\n";
}

std::string make_chunk(std::string_view bytes) {
  if (bytes.empty()) return {};
  std::string chunk = chunk_head(bytes.size());
  chunk.append(bytes);
  chunk += kChunkEnd;
  return chunk;
}

std::string chunk_head(std::size_t bytes) { return fmt::format("{:x}\r\n", bytes); }

}  // namespace oc::http
