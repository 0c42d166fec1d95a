// JSON text to a document, under limits. Boost.JSON's own parser calls the builder below, which
// differs from the library's in what it refuses and in how much it takes: a text with escapes is
// put together in place, once.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/string.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/memory_full.h"
#include "io/counted_memory.h"
#include "io/json.h"

namespace oc {
namespace {

namespace json = boost::json;
using boost::system::error_code;

constexpr std::size_t kLongText = 64u << 10;

// For vectors whose memory counts as the document's.
template <class T>
struct Allocator {
  using value_type = T;
  json::storage_ptr memory;

  explicit Allocator(json::storage_ptr from) : memory(std::move(from)) {}
  template <class U>
  Allocator(const Allocator<U>& other) : memory(other.memory) {}
  T* allocate(std::size_t n) {
    return static_cast<T*>(memory->allocate(n * sizeof(T), alignof(T)));
  }
  void deallocate(T* block, std::size_t n) { memory->deallocate(block, n * sizeof(T), alignof(T)); }
  friend bool operator==(const Allocator& a, const Allocator& b) {
    return a.memory.get() == b.memory.get();
  }
};

// A text that comes in pieces.
class TextCollector {
 public:
  TextCollector(std::size_t text_bytes, json::storage_ptr memory)
      : memory_(std::move(memory)), long_(memory_), text_bytes_(text_bytes) {}

  void add(std::string_view part) {
    taken_ += part.size();
    if (long_.empty() && short_.size() + part.size() <= kLongText) {
      short_ += part;
      return;
    }
    // Room for all that may follow at once: growing step by step would hold it twice.
    if (long_.empty()) {
      long_.reserve(short_.size() + part.size() + (text_bytes_ - std::min(taken_, text_bytes_)));
      long_.append(short_);
    }
    long_.append(part);
  }
  // All of it, with the last piece; begins anew.
  json::string take(std::string_view last) {
    if (short_.empty() && long_.empty()) {
      taken_ += last.size();
      return json::string(last, memory_);
    }
    add(last);
    if (long_.empty()) {
      json::string out(short_, memory_);
      short_.clear();
      return out;
    }
    short_.clear();
    if (long_.size() < long_.capacity() / 2) long_.shrink_to_fit();
    return std::exchange(long_, json::string(memory_));
  }

 private:
  json::storage_ptr memory_;
  std::string short_;
  json::string long_;
  const std::size_t text_bytes_;  // of the whole document
  std::size_t taken_ = 0;         // of these, at least
};

class Builder {
 public:
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();
  static constexpr std::size_t max_key_size = kMaxJsonKeyBytes;

  Builder(std::size_t text_bytes, std::size_t max_values, const json::storage_ptr& memory)
      : memory_(memory),
        text_(text_bytes, memory),
        values_(Allocator<json::value>(memory)),
        keys_(Allocator<json::string>(memory)),
        max_values_(max_values) {}

  bool too_many() const { return count_ > max_values_; }
  json::value take() { return std::move(values_.front()); }

  // What basic_parser calls.
  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code& error) { return count(error); }
  bool on_object_end(std::size_t members, error_code&) {
    json::object object(members, memory_);
    const std::size_t first = values_.size() - members, first_key = keys_.size() - members;
    for (std::size_t i = 0; i < members; ++i)
      object.insert_or_assign(keys_[first_key + i], std::move(values_[first + i]));
    keys_.erase(keys_.end() - static_cast<std::ptrdiff_t>(members), keys_.end());
    return replace(members, std::move(object));
  }
  bool on_array_begin(error_code& error) { return count(error); }
  bool on_array_end(std::size_t elements, error_code&) {
    json::array array(memory_);
    array.reserve(elements);
    for (std::size_t i = values_.size() - elements; i < values_.size(); ++i)
      array.push_back(std::move(values_[i]));
    return replace(elements, std::move(array));
  }
  bool on_key_part(json::string_view part, std::size_t, error_code&) {
    text_.add(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, error_code&) {
    keys_.push_back(text_.take(part));
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, error_code&) {
    text_.add(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t, error_code& error) {
    return put(text_.take(part), error);
  }
  bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_int64(std::int64_t value, json::string_view, error_code& error) {
    return put(value, error);
  }
  bool on_uint64(std::uint64_t value, json::string_view, error_code& error) {
    return put(value, error);
  }
  bool on_double(double value, json::string_view, error_code& error) { return put(value, error); }
  bool on_bool(bool value, error_code& error) { return put(value, error); }
  bool on_null(error_code& error) { return put(nullptr, error); }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }

 private:
  bool count(error_code& error) {
    if (++count_ <= max_values_) return true;
    error = json::error::array_too_large;  // stops the parser; what is told is too_many()
    return false;
  }
  template <class T>
  bool put(T value, error_code& error) {
    if (!count(error)) return false;
    values_.emplace_back(std::move(value), memory_);
    return true;
  }
  // The latest values are what `whole` holds now.
  template <class T>
  bool replace(std::size_t parts, T whole) {
    values_.erase(values_.end() - static_cast<std::ptrdiff_t>(parts), values_.end());
    values_.emplace_back(std::move(whole), memory_);
    return true;
  }

  json::storage_ptr memory_;
  TextCollector text_;
  // Those that are complete, but what they are part of is not.
  std::vector<json::value, Allocator<json::value>> values_;
  std::vector<json::string, Allocator<json::string>> keys_;
  const std::size_t max_values_;
  std::size_t count_ = 0;
};

// Whether it ends in an escape that needs a second one: "\\ud83d" of an emoji's two.
bool ends_in_half(std::string_view text) {
  constexpr std::size_t kEscape = 6;
  if (text.size() < kEscape) return false;
  const std::string_view escape = text.substr(text.size() - kEscape);
  return escape.starts_with("\\u") && lower(escape.substr(2, 1)) == "d" &&
         std::string_view("89abAB").find(escape[3]) != std::string_view::npos;
}

// What stands at the end of what was read.
std::string reason(const error_code& error, int max_depth, std::string_view read) {
  if (error == json::error::too_deep) return fmt::format("nested deeper than {}", max_depth);
  if (error == json::error::incomplete) return "it ends too early";
  if (error == json::error::extra_data) return "something follows the value";
  if (error == json::error::key_too_large)
    return fmt::format("a member's name is longer than {} bytes", kMaxJsonKeyBytes);
  if (error == json::error::illegal_leading_surrogate ||
      error == json::error::illegal_trailing_surrogate ||
      error == json::error::expected_utf16_escape || ends_in_half(read))
    return "a \\u escape is one half of a character, as where a text was cut within an emoji";
  return "syntax error";
}

Result<json::value> parse(std::string_view text, std::string_view what, const JsonLimits& limits,
                          const json::storage_ptr& memory) {
  json::parse_options options;
  options.max_depth = static_cast<std::size_t>(limits.depth);
  json::basic_parser<Builder> parser(options, text.size(), limits.values, memory);
  error_code error;
  const std::size_t read = parser.write_some(true, text.data(), text.size(), error);
  if (!error && read == text.size()) parser.write_some(false, nullptr, 0, error);
  if (!error && read < text.size()) error = json::error::extra_data;
  if (parser.handler().too_many())
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: more than {} JSON values", what, limits.values),
                 "numbers, texts, lists and objects count, one each; send fewer"};
  if (error)
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{}: not valid JSON at byte {}: {}", what, read,
                             reason(error, limits.depth, text.substr(0, read))),
                 ""};
  return parser.handler().take();
}

}  // namespace

Result<json::value> parse_json(std::string_view text, std::string_view what,
                               const JsonLimits& limits, CountedMemory* memory) {
  if (memory == nullptr) return parse(text, what, limits, {});
  try {
    return parse(text, what, limits, memory);
  } catch (const OutOfBudget& full) {
    if (full.never())
      return Error{ErrorCode::kTooLarge,
                   fmt::format("{}: reading it takes more than the {} bytes that are set aside for "
                               "all requests",
                               what, full.limit()),
                   "send less at a time, or give the server more (--max-memory-mb)"};
    return memory_full();
  }
}

Result<json::value> parse_json(std::string_view text, std::string_view what, int max_depth) {
  return parse_json(text, what, {.depth = max_depth, .values = kMaxJsonValues}, nullptr);
}

}  // namespace oc
