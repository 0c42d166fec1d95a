// JSON files, with errors that name file and key. Boost.JSON underneath, with limits on depth, size
// and number of values.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
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

// The typed reader: a value of a document that knows its place there, so that what is wrong is told
// in one way whoever reads, and wherever:
//   config.json: "hidden_size" is missing
//   tokenizer.json: "model.merges[12]" must be a string, found 5
//   config.json: vision_config: "image_size" must be an integer from 4 to 4096, found "abc"
// Refers to the value, which outlives it. Null counts as absent, except for at() and is_null().
class JsonReader {
 public:
  // Of somebody's model; for other documents the hint is another, or none.
  static constexpr std::string_view kAsPublished = "use the model's files as published";

  // A whole document that `what` names.
  JsonReader(const boost::json::value& value, std::string_view what,
             std::string_view hint = kAsPublished);
  JsonReader(const boost::json::object& object, std::string_view what,
             std::string_view hint = kAsPublished);

  // This value.
  const boost::json::value& value() const;  // not of a reader that was made from an object
  bool is_null() const { return value_ != nullptr && value_->is_null(); }
  Result<const boost::json::object*> object() const;
  Result<const boost::json::array*> array() const;
  Result<std::string_view> string() const;
  Result<bool> boolean() const;
  Result<std::int64_t> integer(std::int64_t min, std::int64_t max) const;
  Result<double> number() const;            // finite
  JsonReader element(std::size_t i) const;  // of this array, which has it

  // Members of this object. at() must be there, find() is null where it is not.
  Result<JsonReader> at(std::string_view key) const;
  Result<JsonReader> find(std::string_view key) const;
  bool has(std::string_view key) const;
  Result<std::int64_t> integer(std::string_view key, std::int64_t min, std::int64_t max) const;
  Result<double> number(std::string_view key) const;
  Result<std::string> string(std::string_view key) const;
  Result<bool> boolean(std::string_view key) const;
  Result<std::vector<double>> numbers(std::string_view key, std::size_t expected) const;
  // A section: errors inside begin with its name.
  Result<JsonReader> object(std::string_view key) const;
  Result<std::vector<JsonReader>> objects(std::string_view key) const;  // of an array
  // The same with a default where the key is absent or null.
  Result<std::int64_t> integer_or(std::string_view key, std::int64_t fallback, std::int64_t min,
                                  std::int64_t max) const;
  Result<double> number_or(std::string_view key, double fallback) const;
  Result<std::string> string_or(std::string_view key, std::string fallback) const;
  Result<bool> boolean_or(std::string_view key, bool fallback) const;

  // `document: "path" text`; the hint is the document's own where none is given.
  Error error(ErrorCode code, std::string_view text, std::string_view hint = {}) const;
  // `document: "path" must be <what>, found <value>`
  Error wrong(std::string_view what) const;

 private:
  struct Document {
    std::string what, hint;
  };
  JsonReader(std::shared_ptr<const Document> document, const boost::json::value& value,
             std::string path);

  std::string child(std::string_view key) const;
  Result<JsonReader> present(std::string_view key) const;  // neither absent nor null

  std::shared_ptr<const Document> document_;
  const boost::json::value* value_;    // null: made from an object
  const boost::json::object* object_;  // null: the value is none
  std::string path_;                   // empty: the document itself
};

// Short and in one line, as a message may show it: `"abc"`, `7`, `an array of 3`.
std::string shown_value(const boost::json::value& value);

}  // namespace oc
