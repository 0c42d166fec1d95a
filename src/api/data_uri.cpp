#include "api/data_uri.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/ascii.h"

namespace oc {
namespace {

constexpr std::uint8_t kBad = 0xff;

constexpr std::array<std::uint8_t, 256> make_table() {
  std::array<std::uint8_t, 256> table{};
  for (auto& entry : table) entry = kBad;
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return table;
}
constexpr auto kTable = make_table();

std::uint8_t sextet(char c) { return kTable[static_cast<unsigned char>(c)]; }

Error bad_character(std::string_view text, std::size_t at, std::size_t offset_base) {
  const char c = text[at];
  std::string_view hint = "standard base64 alphabet, padded, without line breaks";
  if (c == '-' || c == '_') hint = "this looks like URL-safe base64; use the standard alphabet";
  if (c == '\n' || c == '\r' || c == ' ' || c == '\t')
    hint = "encode without white space or line breaks";
  if (c == '%') hint = "the data must not be percent-encoded";
  if (c == '=') hint = "padding is only allowed at the end";
  return {ErrorCode::kInvalidArgument, fmt::format("invalid base64 at offset {}", offset_base + at),
          std::string(hint)};
}

Error refuse_address(std::string_view uri) {
  if (starts_with_ignoring_case(uri, "http://") || starts_with_ignoring_case(uri, "https://"))
    return {ErrorCode::kInvalidArgument, "pictures are not fetched from the network",
            "remote fetching is off; send the picture as data:image/...;base64,..."};
  if (starts_with_ignoring_case(uri, "file:"))
    return {ErrorCode::kInvalidArgument, "files of the server are not read",
            "send the picture as data:image/...;base64,..."};
  return {ErrorCode::kInvalidArgument, "a picture must be a data URI",
          "send it as data:image/...;base64,..."};
}

}  // namespace

Result<std::vector<std::byte>> decode_base64(std::string_view text, std::size_t max_bytes,
                                             std::size_t offset_base) {
  const std::size_t length = text.size();
  if (length / 4 > max_bytes / 3 + 1)
    return Error{
        ErrorCode::kTooLarge,
        fmt::format("base64 of {} characters is over the limit of {} bytes", length, max_bytes)};
  if (length % 4 != 0) {
    // A wrong character is the better message where there is one.
    for (std::size_t i = 0; i < length; ++i)
      if (sextet(text[i]) == kBad && !(text[i] == '=' && i + 2 >= length))
        return bad_character(text, i, offset_base);
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("base64 ends early at offset {}: {} characters are not a multiple of 4",
                    offset_base + length, length),
        "padding is required"};
  }
  std::vector<std::byte> out;
  if (length == 0) return out;
  const std::size_t padding = text[length - 1] != '=' ? 0 : (text[length - 2] != '=' ? 1 : 2);
  const std::size_t bytes = length / 4 * 3 - padding;
  if (bytes > max_bytes)
    return Error{ErrorCode::kTooLarge,
                 fmt::format("{} bytes are over the limit of {}", bytes, max_bytes)};
  out.resize(bytes);
  const std::size_t full = padding == 0 ? length : length - 4;
  std::size_t at = 0, to = 0;
  for (; at < full; at += 4, to += 3) {
    const std::uint8_t a = sextet(text[at]), b = sextet(text[at + 1]), c = sextet(text[at + 2]),
                       d = sextet(text[at + 3]);
    if (((a | b | c | d) & 0x80) != 0) [[unlikely]] {
      for (std::size_t i = at;; ++i)
        if (sextet(text[i]) == kBad) return bad_character(text, i, offset_base);
    }
    const std::uint32_t bits = static_cast<std::uint32_t>(a << 18 | b << 12 | c << 6 | d);
    out[to] = static_cast<std::byte>(bits >> 16);
    out[to + 1] = static_cast<std::byte>(bits >> 8);
    out[to + 2] = static_cast<std::byte>(bits);
  }
  if (padding > 0) {
    const std::size_t significant = 4 - padding;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < significant; ++i) {
      const std::uint8_t value = sextet(text[at + i]);
      if (value == kBad) return bad_character(text, at + i, offset_base);
      bits |= static_cast<std::uint32_t>(value) << (18 - 6 * i);
    }
    // Bits that are not part of a byte must be zero: one encoding for each picture.
    if ((bits & (padding == 1 ? 0xffu : 0xffffu)) != 0)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("invalid base64 at offset {}: bits after the last byte are not zero",
                               offset_base + at + significant - 1)};
    out[to] = static_cast<std::byte>(bits >> 16);
    if (padding == 1) out[to + 1] = static_cast<std::byte>(bits >> 8);
  }
  return out;
}

Result<std::vector<std::byte>> decode_data_uri(std::string_view uri, std::size_t max_bytes) {
  if (!starts_with_ignoring_case(uri, "data:")) return refuse_address(uri);
  constexpr std::size_t kMaxHeader =
      256;  // longest media type with parameters that we look through
  const std::size_t comma = uri.substr(0, kMaxHeader).find(',');
  if (comma == std::string_view::npos)
    return Error{ErrorCode::kInvalidArgument, "a data URI needs a comma before its data",
                 "data:image/...;base64,..."};
  const std::string_view header = uri.substr(0, comma);
  constexpr std::string_view kMarker = ";base64";
  if (header.size() < kMarker.size() ||
      !starts_with_ignoring_case(header.substr(header.size() - kMarker.size()), kMarker))
    return Error{ErrorCode::kInvalidArgument, "a data URI with a picture must be base64",
                 "data:image/...;base64,..."};
  const std::string_view data = uri.substr(comma + 1);
  if (data.empty())
    return Error{ErrorCode::kInvalidArgument, "the data URI holds no data",
                 "the picture is missing"};
  return decode_base64(data, max_bytes, comma + 1);
}

}  // namespace oc
