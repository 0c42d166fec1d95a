// Bytes as base64 (RFC 4648), padded.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace oc {

std::string encode_base64(std::span<const std::byte> bytes);
// "data:image/png;base64,…" of a picture of that format ("PNG").
std::string picture_data_uri(std::span<const std::byte> bytes, std::string_view format);

}  // namespace oc
