// Pictures inside JSON: `data:image/png;base64,….`, read as browsers do. What is not base64 at all
// is an error: a decoder that skips what it does not know would show the model half a picture.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace oc {

// Base64 (RFC 4648), forgivingly as WHATWG Infra §7 has it: white space is passed over, padding may
// be missing, bits behind the last byte are dropped; and the URL-safe letters count as their
// others. `percent_encoded`: %2B and the like stand for their characters. kTooLarge when the result
// would be longer than max_bytes, before anything is decoded; kInvalidArgument names the offset of
// the first wrong character, counted from `offset_base`.
Result<std::vector<std::byte>> decode_base64(std::string_view text, std::size_t max_bytes,
                                             std::size_t offset_base = 0,
                                             bool percent_encoded = false);

// The bytes of a base64 data URI. The declared media type is not looked at: contents decide. Other
// kinds of address (http, https, file, bare base64, a path) are refused with a text that says what
// to send instead. Offsets in errors count from the start of the URI.
Result<std::vector<std::byte>> decode_data_uri(std::string_view uri, std::size_t max_bytes);

}  // namespace oc
