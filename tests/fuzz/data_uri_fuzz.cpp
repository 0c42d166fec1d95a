// The input as base64, as a data URI, and as bytes to be encoded.
#include "api/data_uri.h"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/require.h"

namespace {

using oc::ErrorCode;

std::string encode(std::span<const std::byte> bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    unsigned bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < count ? static_cast<unsigned>(bytes[at + i]) : 0);
    for (std::size_t i = 0; i < 4; ++i)
      out += i <= count ? kAlphabet[(bits >> (18 - 6 * i)) & 63] : '=';
  }
  return out;
}

// The number behind "at offset " in a message.
std::optional<std::size_t> offset_of(std::string_view message) {
  constexpr std::string_view kBefore = " at offset ";
  const std::size_t found = message.find(kBefore);
  if (found == message.npos) return std::nullopt;
  std::size_t offset = 0;
  const char* first = message.data() + found + kBefore.size();
  require(std::from_chars(first, message.data() + message.size(), offset).ec == std::errc());
  return offset;
}

void check_base64(std::string_view text, std::size_t base) {
  const auto decoded = oc::decode_base64(text, text.size(), base);
  if (!decoded.ok()) {
    // Every result is shorter than its text, so it cannot have been the limit.
    require(decoded.error().code == ErrorCode::kInvalidArgument);
    const auto offset = offset_of(decoded.error().message);
    require(offset && *offset >= base && *offset <= base + text.size());
    return;
  }
  // Nothing is lost but white space, padding, and bits that fill up the last letter.
  std::string letters, again = encode(*decoded);
  for (const char c : text)
    if (std::string_view(" \t\r\n\f=").find(c) == std::string_view::npos)
      letters += c == '-' ? '+' : c == '_' ? '/' : c;
  while (again.ends_with('=')) again.pop_back();
  require(letters.size() == again.size());
  if (letters.size() % 4 != 0) letters.pop_back(), again.pop_back();
  require(letters == again);
  for (const std::size_t limit : {decoded->size(), decoded->size() - 1, decoded->size() / 2}) {
    const auto limited = oc::decode_base64(text, limit, base);
    require(limited.ok() == (decoded->size() <= limit));
    if (limited.ok())
      require(*limited == *decoded);
    else
      require(limited.error().code == ErrorCode::kTooLarge);
  }
}

void check_uri(std::string_view uri) {
  const auto decoded = oc::decode_data_uri(uri, uri.size());
  if (decoded.ok()) {
    require(uri.size() > 5 && decoded->size() <= uri.size());
  } else {
    require(decoded.error().code == ErrorCode::kInvalidArgument);
    const auto offset = offset_of(decoded.error().message);
    require(!offset || *offset <= uri.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(data, size);
  check_base64(text, 0);
  check_base64(text, 23);
  check_uri(text);

  const auto bytes = std::as_bytes(std::span(data, size));
  const std::string encoded = encode(bytes);
  const auto decoded = oc::decode_base64(encoded, size);
  require(decoded.ok() && std::equal(decoded->begin(), decoded->end(), bytes.begin(), bytes.end()));
  if (size > 0) require(oc::decode_data_uri("DATA:image/x;BASE64," + encoded, size).ok());
  return 0;
}
