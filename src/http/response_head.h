// The head of an answer as it goes over the wire, and the framing of a stream.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "http/types.h"

namespace oc::http {

struct HeadOptions {
  bool http_1_0 = false;
  bool keep_alive = true;
  bool chunked = false;
  std::optional<std::size_t> content_length = {};
  std::string_view request_id = {};  // empty: no x-request-id
};
std::string make_head(const Response& response, const HeadOptions& options);

std::string_view reason_phrase(int status);

// One chunk of Transfer-Encoding: chunked; nothing for no bytes (that would end the stream).
std::string make_chunk(std::string_view bytes);
std::string chunk_head(std::size_t bytes);             // what stands before so many, and
inline constexpr std::string_view kChunkEnd = "\r\n";  // behind them
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace oc::http
