#include "http/content_coding.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/ascii.h"
#include "base/memory_full.h"

namespace oc::http {
namespace {

constexpr std::size_t kBufferBytes = 64u << 10;
constexpr std::size_t kFree = 1u << 20, kMaxTimes = 100;

// What a client wrote, for an error: short, and nothing but what such names are made of.
std::string shown(std::string_view name) {
  std::string out(name.substr(0, 32));
  std::ranges::replace_if(
      out, [](char c) { return !is_letter_or_digit(c) && c != '-'; }, '?');
  return out;
}

ApiError not_valid(std::string_view what) {
  return refuse(Refusal::kMalformed,
                fmt::format("the request's body is {} what Content-Encoding says", what));
}

class Inflater {
 public:
  // 15: the largest window; 16 more: gzip's frame instead of zlib's.
  explicit Inflater(Coding coding)
      : ready_(inflateInit2(&stream_, coding == Coding::kGzip ? 15 + 16 : 15) == Z_OK) {}
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  bool ready() const { return ready_; }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
  const bool ready_;
};

struct Unpacking {
  Request& request;
  const Coding coding;
  const std::size_t max_bytes;
  std::string out;

  std::optional<ApiError> run() {
    Inflater inflater(coding);
    if (!inflater.ready()) return busy();
    z_stream& stream = inflater.stream();
    const auto buffer = std::make_unique<std::array<char, kBufferBytes>>();
    std::string_view rest = request.body;
    while (true) {
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest.data()));
      stream.avail_in = static_cast<uInt>(std::min(rest.size(), kBufferBytes));
      stream.next_out = reinterpret_cast<Bytef*>(buffer->data());
      stream.avail_out = kBufferBytes;
      const uInt offered = stream.avail_in;
      const int status = inflate(&stream, Z_NO_FLUSH);
      rest.remove_prefix(offered - stream.avail_in);
      if (auto refused = append({buffer->data(), kBufferBytes - stream.avail_out}, rest.size()))
        return refused;
      if (status == Z_MEM_ERROR) return busy();
      if (status == Z_STREAM_END) {
        if (rest.empty()) return std::nullopt;
        // RFC 1952, 2.2: gzip may have several members.
        if (coding != Coding::kGzip || inflateReset(&stream) != Z_OK) return not_valid("more than");
        continue;
      }
      if (status == Z_BUF_ERROR || (status == Z_OK && rest.empty() && stream.avail_out > 0))
        return not_valid("cut off, or not");
      if (status != Z_OK) return not_valid("damaged, or not");
    }
  }

  std::optional<ApiError> append(std::string_view more, std::size_t rest) {
    const std::size_t size = out.size() + more.size();
    if (size > max_bytes)
      return refuse(Refusal::kBodyTooLarge,
                    fmt::format("the request's body is over {} bytes once unpacked (--max-body-mb)",
                                max_bytes));
    if (size > kFree && size / kMaxTimes > request.body.size() - rest)
      return refuse(
          Refusal::kBodyTooLarge,
          fmt::format("the request's body is over {} times as long once unpacked", kMaxTimes));
    if (size > out.capacity()) {
      std::string larger;
      const std::size_t capacity = std::max(size, std::min(2 * out.capacity(), max_bytes));
      if (!request.memory.grow_to(request.body.capacity() + out.capacity() + capacity))
        return busy();
      larger.reserve(capacity);
      larger.append(out);
      out.swap(larger);
    }
    out.append(more);
    return std::nullopt;
  }

  static ApiError busy() { return to_api_error(memory_full(), Stage::kRequest); }
};

}  // namespace

std::optional<ApiError> find_coding(const Request& request, Coding* coding) {
  *coding = Coding::kNone;
  for (const auto& [name, value] : request.headers) {
    if (name != "content-encoding") continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      std::string one = lower(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      one.erase(0, one.find_first_not_of(" \t"));
      one.erase(one.find_last_not_of(" \t") + 1);
      if (one.empty() || one == "identity") continue;
      const bool gzip = one == "gzip" || one == "x-gzip";
      if (!gzip && one != "deflate")
        return refuse(Refusal::kContentCoding,
                      fmt::format("Content-Encoding: {} is not understood; send the body as it is, "
                                  "or as gzip or deflate",
                                  shown(one)));
      if (*coding != Coding::kNone)
        return refuse(Refusal::kContentCoding,
                      fmt::format("Content-Encoding may name one coding, not {} on top of another",
                                  shown(one)));
      *coding = gzip ? Coding::kGzip : Coding::kDeflate;
    }
  }
  return std::nullopt;
}

std::optional<ApiError> unpack_body(Request& request, Coding coding, std::size_t max_body_bytes) {
  if (coding == Coding::kNone || request.body.empty()) return std::nullopt;
  Unpacking unpacking{request, coding, max_body_bytes, {}};
  auto failed = unpacking.run();
  if (failed) std::string().swap(unpacking.out);
  request.body.swap(unpacking.out);  // moving a short one would keep the old one's memory
  std::string().swap(unpacking.out);
  request.memory.shrink_to(request.body.capacity());
  return failed;
}

}  // namespace oc::http
