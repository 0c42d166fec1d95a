// Bodies that were packed for the way: Content-Encoding (RFC 9110, 8.4).
#pragma once

#include <cstddef>
#include <optional>

#include "api/errors.h"
#include "http/types.h"

namespace oc::http {

enum class Coding { kNone, kGzip, kDeflate };
// What is understood, for Accept-Encoding.
inline constexpr std::string_view kCodings = "gzip, deflate";

// How the request's body is packed; the error names what is not understood.
std::optional<ApiError> find_coding(const Request& request, Coding* coding);

// Unpacks the body in place. It may become as long as a body that comes as it is, and not a hundred
// times longer than it came once it is over a megabyte. Both forms count against request.memory
// while there are both; nothing is left of them after an error.
std::optional<ApiError> unpack_body(Request& request, Coding coding, std::size_t max_body_bytes);

}  // namespace oc::http
