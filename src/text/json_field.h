// A JSON value that knows its document and its place in it, so that an error can say
// `tokenizer.json: "model.merges[12]" must be a string`.
#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace oc {

// A short quoted form for messages: control characters escaped, cut after 60 bytes.
std::string excerpt(std::string_view text);

// Refers to the value and to the document's name; both must outlive it.
class JsonField {
 public:
  JsonField(const boost::json::value& value, std::string path, std::string_view document)
      : value_(&value), path_(std::move(path)), document_(document) {}

  const boost::json::value& value() const { return *value_; }
  bool is_null() const { return value_->is_null(); }

  // A member of this object: at() must be there, find() is null where it is not.
  Result<JsonField> at(std::string_view key) const;
  Result<JsonField> find(std::string_view key) const;
  JsonField element(std::size_t i) const;  // of this array, which has it

  Result<const boost::json::object*> object() const;
  Result<const boost::json::array*> array() const;
  Result<std::string_view> string() const;
  Result<bool> boolean() const;
  Result<std::int64_t> integer(std::int64_t min, std::int64_t max) const;

  // `document: "path" text`
  Error error(ErrorCode code, std::string_view text, std::string hint = {}) const;
  // `document: "path" must be <what>, found <value>`
  Error wrong(std::string_view what) const;

 private:
  std::string child(std::string_view key) const;

  const boost::json::value* value_;
  std::string path_;
  std::string_view document_;
};

}  // namespace oc
