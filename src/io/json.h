// JSON files, with errors that name file and key. Boost.JSON underneath, with limits on depth, size
// and number of values.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace oc {

class CountedMemory;

// Whole file as bytes; kNotFound / kTooLarge (over max_bytes) name the path.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes);

// Of a file that is not a stranger's. A value takes some 20 to 200 bytes, its text left out.
inline constexpr std::size_t kMaxJsonValues = 1'000'000;
inline constexpr std::size_t kMaxJsonKeyBytes = 64u << 10;

struct JsonLimits {
  int depth = 32;
  std::size_t values = kMaxJsonValues;  // numbers, texts, lists, objects, …: one each
};

// Strict JSON, depth at most max_depth. `what` names the document in errors ("config.json"), which
// carry line-independent text: `config.json: not valid JSON at byte 120: …`. Of a member that
// occurs twice the last value counts.
Result<boost::json::value> parse_json(std::string_view text, std::string_view what,
                                      int max_depth = 32);
// A stranger's text. What the document takes is counted by `memory` (may be null, else outlives the
// document) before it is taken: at most one and a half times the text, and what the values take.
// kInvalidArgument: too many values. kTooLarge: more than the budget will ever have; kMemoryFull:
// than it has now.
Result<boost::json::value> parse_json(std::string_view text, std::string_view what,
                                      const JsonLimits& limits, CountedMemory* memory);
Result<boost::json::object> read_json_object(const std::filesystem::path& path,
                                             std::size_t max_bytes = 64u << 20);

// Text of a file as it may stand in a message: in double quotes, escaped, and cut when it is long.
std::string shown_name(std::string_view text);

// Typed access: errors read `config.json: "hidden_size" is missing` or
// `config.json: "hidden_size" must be a positive integer, found "abc"`.
class JsonReader {
 public:
  JsonReader(const boost::json::object& object, std::string what)
      : object_(&object), what_(std::move(what)) {}

  bool has(std::string_view key) const;
  Result<std::int64_t> integer(std::string_view key, std::int64_t min, std::int64_t max) const;
  Result<double> number(std::string_view key) const;
  Result<std::string> string(std::string_view key) const;
  Result<bool> boolean(std::string_view key) const;
  Result<std::vector<double>> numbers(std::string_view key, std::size_t expected) const;
  Result<JsonReader> object(std::string_view key) const;
  // The same with a default where the key is absent or null.
  Result<std::int64_t> integer_or(std::string_view key, std::int64_t fallback, std::int64_t min,
                                  std::int64_t max) const;
  Result<double> number_or(std::string_view key, double fallback) const;
  Result<std::string> string_or(std::string_view key, std::string fallback) const;
  Result<bool> boolean_or(std::string_view key, bool fallback) const;

  const boost::json::object& raw() const { return *object_; }
  const std::string& what() const { return what_; }

 private:
  const boost::json::object* object_;
  std::string what_;
};

}  // namespace oc
