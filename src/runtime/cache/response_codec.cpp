#include "runtime/cache/response_codec.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/utf8.h"
#include "io/digest.h"

namespace oc {
namespace {

constexpr std::string_view kMagic = "OCANSW04";  // another layout has another number
constexpr std::size_t kDigestBytes = 32, kEnvelopeBytes = 48;

// Both archives have the same members, so that one walk over the fields serves both.
class ResultWriter {
 public:
  template <class T>
    requires std::is_arithmetic_v<T>
  void number(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void flag(const bool& value) { number(static_cast<std::uint8_t>(value)); }
  template <class T>
  void count(const T& value) {
    number(static_cast<std::int64_t>(value));
  }
  template <class E>
  void choice(const E& value, E /*last*/) {
    number(static_cast<std::uint8_t>(value));
  }
  void blob(const std::string& value) {
    number(static_cast<std::uint64_t>(value.size()));
    bytes_ += value;
  }
  void text(const std::string& value) { blob(value); }
  template <class T, class Body>
  void optional(const std::optional<T>& value, const Body& body) {
    flag(value.has_value());
    if (value) body(*value);
  }
  template <class T, class Body>
  void list(const std::vector<T>& values, const Body& body) {
    number(static_cast<std::uint64_t>(values.size()));
    for (const T& value : values) body(value);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// After the first thing that is wrong everything reads as empty, so that loops end at once.
class ResultReader {
 public:
  explicit ResultReader(std::string_view bytes) : rest_(bytes) {}

  template <class T>
    requires std::is_arithmetic_v<T>
  void number(T& value) {
    value = T{};
    if (rest_.size() < sizeof value) return fail();
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    if constexpr (std::is_floating_point_v<T>)
      if (std::isnan(value)) fail();
  }
  void flag(bool& value) {
    std::uint8_t read = 0;
    number(read);
    if (read > 1) fail();
    value = read == 1;
  }
  // A number of things: not negative.
  template <class T>
  void count(T& value) {
    std::int64_t read = 0;
    number(read);
    if (read < 0 || read > std::numeric_limits<T>::max()) fail();
    value = failed_ ? T{} : static_cast<T>(read);
  }
  template <class E>
  void choice(E& value, E last) {
    std::uint8_t read = 0;
    number(read);
    if (read > static_cast<std::uint8_t>(last)) return fail();
    value = static_cast<E>(read);
  }
  void blob(std::string& value) {
    std::uint64_t size = 0;
    number(size);
    if (size > rest_.size()) return fail();
    value.assign(rest_.substr(0, size));
    rest_.remove_prefix(size);
  }
  void text(std::string& value) {
    blob(value);
    if (!is_utf8(value)) fail();
  }
  template <class T, class Body>
  void optional(std::optional<T>& value, const Body& body) {
    bool there = false;
    flag(there);
    if (there) body(value.emplace());
  }
  template <class T, class Body>
  void list(std::vector<T>& values, const Body& body) {
    std::uint64_t size = 0;
    number(size);
    if (size > rest_.size()) return fail();  // each takes a byte at least
    for (std::uint64_t i = 0; i < size && !failed_; ++i) body(values.emplace_back());
  }
  bool good() const { return !failed_ && rest_.empty(); }

 private:
  void fail() {
    failed_ = true;
    rest_ = {};
  }

  std::string_view rest_;
  bool failed_ = false;
};

template <class Archive, class Token>
void walk_token(Archive& a, Token& token) {
  a.blob(token.bytes);
  a.flag(token.control);
  a.number(token.logprob);
}

template <class Archive, class OneAnswer>
void walk_answer(Archive& a, OneAnswer& answer) {
  a.text(answer.text);
  a.list(answer.ids, [&](auto& id) { a.number(id); });
  a.choice(answer.finish_reason, FinishReason::kLength);
  a.choice(answer.stop_cause, StopCause::kMaxObjects);
  a.optional(answer.stop_string, [&](auto& text) { a.text(text); });
  a.optional(answer.stop_token, [&](auto& id) { a.number(id); });
  a.optional(answer.warning, [&](auto& text) { a.text(text); });
  a.number(answer.seed);
  a.list(answer.logprobs, [&](auto& token) {
    walk_token(a, token);
    a.list(token.top, [&](auto& other) { walk_token(a, other); });
  });
  a.list(answer.objects, [&](auto& object) {
    a.number(object.x);
    a.number(object.y);
    a.optional(object.width, [&](auto& width) { a.number(width); });
    a.optional(object.height, [&](auto& height) { a.number(height); });
  });
}

template <class Archive, class Whole>
void walk(Archive& a, Whole& result) {
  walk_answer(a, result);
  a.list(result.more, [&](auto& answer) { walk_answer(a, answer); });
  a.list(result.scores, [&](auto& score) {
    a.text(score.text);
    a.number(score.logprob);
    a.number(score.mean_logprob);
    a.number(score.probability);
    a.count(score.tokens);
  });
  for (auto* tokens : {&result.prompt_tokens, &result.image_tokens, &result.cached_tokens,
                       &result.completion_tokens, &result.drafted_tokens, &result.accepted_tokens})
    a.count(*tokens);
}

std::string digest_of(const std::string& key, std::string_view rest) {
  Digest digest;
  digest.add(std::to_string(key.size()) + ":");
  digest.add(key);
  digest.add(rest);
  return digest.finish();
}

Error corrupt(std::string_view what) { return {ErrorCode::kCorrupt, std::string(what)}; }

}  // namespace

std::string encode_result(const GenerateResult& result) {
  ResultWriter writer;
  walk(writer, result);
  return writer.take();
}

Result<GenerateResult> decode_result(std::string_view bytes) {
  ResultReader reader(bytes);
  GenerateResult result;
  walk(reader, result);
  if (!reader.good()) return corrupt("the answer does not read as one");
  if (result.cached_tokens > result.prompt_tokens || result.image_tokens > result.prompt_tokens)
    return corrupt("the answer's counts contradict each other");
  return result;
}

std::string seal_answer(const std::string& key, const GenerateResult& result,
                        std::int64_t created) {
  std::string rest(reinterpret_cast<const char*>(&created), sizeof created);
  rest += encode_result(result);
  return std::string(kMagic) + digest_of(key, rest) + rest;
}

Result<StoredAnswer> open_answer(const std::string& key, std::string_view bytes) {
  if (bytes.size() < kEnvelopeBytes || !bytes.starts_with(kMagic))
    return corrupt("it is no answer of this program's, or of another version");
  const std::string_view rest = bytes.substr(kMagic.size() + kDigestBytes);
  if (bytes.substr(kMagic.size(), kDigestBytes) != digest_of(key, rest))
    return corrupt("its SHA-256 is wrong");
  StoredAnswer stored;
  std::memcpy(&stored.created, rest.data(), sizeof stored.created);
  OC_ASSIGN_OR_RETURN(stored.result, decode_result(rest.substr(sizeof stored.created)));
  return stored;
}

}  // namespace oc
