#include "api/data_uri.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "base/ascii.h"

namespace oc {
namespace {

constexpr std::uint8_t kBad = 0xff, kSpace = 0xfe,
                       kPadding = 0xfd;  // all have their highest bit set

constexpr std::array<std::uint8_t, 256> make_table() {
  std::array<std::uint8_t, 256> table{};
  for (auto& entry : table) entry = kBad;
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  table['-'] = table['+'];  // URL-safe
  table['_'] = table['/'];
  for (const char c : {' ', '\t', '\r', '\n', '\f'}) table[static_cast<unsigned char>(c)] = kSpace;
  table['='] = kPadding;
  return table;
}
constexpr auto kTable = make_table();

std::uint8_t sextet(char c) { return kTable[static_cast<unsigned char>(c)]; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = static_cast<char>(c | 0x20);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

// The characters of a text, one after the other, without white space.
class Characters {
 public:
  Characters(std::string_view text, bool percent_encoded)
      : text_(text), percent_encoded_(percent_encoded) {}

  // The next one's value, kPadding or kBad; nullopt at the end.
  std::optional<std::uint8_t> next() {
    while (at_ < text_.size()) {
      last_ = at_;
      char c = text_[at_++];
      if (c == '%' && percent_encoded_ && text_.size() - at_ >= 2) {
        const int high = hex_digit(text_[at_]), low = hex_digit(text_[at_ + 1]);
        if (high >= 0 && low >= 0) {
          c = static_cast<char>(high * 16 + low);
          at_ += 2;
        }
      }
      if (const std::uint8_t value = sextet(c); value != kSpace) return value;
    }
    last_ = at_;
    return std::nullopt;
  }
  // Where the one that next() gave stands; of the end: behind the text.
  std::size_t last() const { return last_; }
  std::size_t at() const { return at_; }
  void skip(std::size_t count) { at_ += count; }

 private:
  std::string_view text_;
  bool percent_encoded_;
  std::size_t at_ = 0, last_ = 0;
};

Error invalid(std::size_t at, std::string_view what, std::string_view hint) {
  return {ErrorCode::kInvalidArgument, fmt::format("invalid base64 at offset {}{}", at, what),
          std::string(hint)};
}

Error refuse_address(std::string_view uri) {
  if (starts_with_ignoring_case(uri, "http://") || starts_with_ignoring_case(uri, "https://"))
    return {ErrorCode::kInvalidArgument, "pictures are not fetched from the network",
            "remote fetching is off; send the picture as data:image/...;base64,..., or start the "
            "server with --allow-remote-images"};
  if (starts_with_ignoring_case(uri, "file:"))
    return {ErrorCode::kInvalidArgument, "files of the server are not read",
            "send the picture as data:image/...;base64,..., or start the server with --media-root "
            "DIR"};
  return {ErrorCode::kInvalidArgument, "a picture must be a data URI",
          "send it as data:image/...;base64,..."};
}

}  // namespace

Result<std::vector<std::byte>> decode_base64(std::string_view text, std::size_t max_bytes,
                                             std::size_t offset_base, bool percent_encoded) {
  // Exactly, where the text is so long that it matters.
  std::size_t bytes = text.size() / 4 * 3 + 3;
  if (bytes > max_bytes) {
    std::size_t letters = 0;
    Characters counted(text, percent_encoded);
    while (const auto value = counted.next()) letters += *value < kPadding ? 1 : 0;
    bytes = letters / 4 * 3 + letters % 4 * 3 / 4;
    if (bytes > max_bytes)
      return Error{ErrorCode::kTooLarge,
                   fmt::format("{} bytes are over the limit of {}", bytes, max_bytes),
                   "send a smaller one, or raise --max-picture-mb"};
  }
  std::vector<std::byte> out(bytes);
  std::size_t to = 0;
  const auto put = [&](std::uint32_t three) {
    for (const int shift : {16, 8, 0}) out[to++] = static_cast<std::byte>(three >> shift);
  };
  Characters characters(text, percent_encoded);
  std::uint32_t bits = 0;
  int letters = 0, padding = 0;
  for (;;) {
    if (letters == 0 && padding == 0) {  // four at a time, as long as they are letters
      std::size_t at = characters.at();
      const std::size_t begin = at;
      for (; at + 4 <= text.size(); at += 4) {
        const std::uint8_t a = sextet(text[at]), b = sextet(text[at + 1]), c = sextet(text[at + 2]),
                           d = sextet(text[at + 3]);
        if (((a | b | c | d) & 0x80) != 0) break;
        put(static_cast<std::uint32_t>(a << 18 | b << 12 | c << 6 | d));
      }
      characters.skip(at - begin);
    }
    const auto value = characters.next();
    if (!value) break;
    if (*value == kPadding) {
      if (letters + ++padding > 4 || letters < 2)
        return invalid(offset_base + characters.last(), "", "padding is only allowed at the end");
      continue;
    }
    if (*value == kBad)
      return invalid(offset_base + characters.last(), "", "only the letters of base64 are allowed");
    if (padding > 0)
      return invalid(offset_base + characters.last(), ": padding stands in front of it",
                     "padding is only allowed at the end");
    bits = bits << 6 | *value;
    if (++letters < 4) continue;
    put(bits);
    letters = 0;
  }
  const bool cut_off = letters == 1 || (padding > 0 && letters + padding != 4);
  if (cut_off)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("base64 ends early at offset {}", offset_base + text.size()),
                 "the picture's text is cut off"};
  for (int i = 0; i < letters - 1; ++i)
    out[to++] = static_cast<std::byte>(bits >> (6 * letters - 8 * (i + 1)));
  out.resize(to);
  return out;
}

Result<std::vector<std::byte>> decode_data_uri(std::string_view uri, std::size_t max_bytes) {
  const std::size_t spaces = uri.find_first_not_of(" \t\r\n\f");
  if (spaces != 0 && spaces != std::string_view::npos) uri.remove_prefix(spaces);
  if (!starts_with_ignoring_case(uri, "data:")) return refuse_address(uri);
  constexpr std::size_t kMaxHeader =
      256;  // longest media type with parameters that we look through
  const std::size_t comma = uri.substr(0, kMaxHeader).find(',');
  if (comma == std::string_view::npos)
    return Error{ErrorCode::kInvalidArgument, "a data URI needs a comma before its data",
                 "data:image/...;base64,..."};
  const std::string_view header = uri.substr(0, comma);
  // The last of its parameters; browsers let spaces stand around it.
  std::string_view encoding = header.substr(std::min(header.find_last_of(';'), header.size()));
  if (!encoding.empty()) encoding.remove_prefix(1);
  while (encoding.starts_with(' ')) encoding.remove_prefix(1);
  while (encoding.ends_with(' ')) encoding.remove_suffix(1);
  if (encoding.size() != std::string_view("base64").size() ||
      !starts_with_ignoring_case(encoding, "base64"))
    return Error{ErrorCode::kInvalidArgument, "a data URI with a picture must be base64",
                 "data:image/...;base64,..."};
  const std::string_view data = uri.substr(comma + 1);
  if (data.empty())
    return Error{ErrorCode::kInvalidArgument, "the data URI holds no data",
                 "the picture is missing"};
  return decode_base64(data, max_bytes, comma + 1, true);
}

}  // namespace oc
