// Typed access to the fields of a client's JSON object, of which most may be left out. Where
// JsonReader (io/json.h) tells of a file, for whoever keeps it, in a message with the file's name,
// this tells of a request, for a program: an Error's param is the field's path
// ("messages[0].content[1].text"), bounds come from the field's row, unknown names are refused with
// the nearest known one, and a string is told by its kind alone. Null counts as absent, as OpenAI's
// clients expect. Only for .cpp files: it pulls in Boost.JSON.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/field.h"
#include "base/result.h"

namespace oc {

// "a number", "an object", …; never the client's own text.
std::string_view kind_of(const boost::json::value& value);

// kInvalidArgument: what the value must be, and what it is.
Error wrong_value(std::string param, std::string_view expected, const boost::json::value& found);

// Whether it is the value of a kRefused field that asks for nothing.
bool asks_for_nothing(const RequestField& field, const boost::json::value& value);
// kUnsupported: of a field that would change the answer, and is not done.
Error not_done(std::string param);

// 3.0 or 1e2: some languages have no other numbers. None: not a double, or no whole one.
std::optional<std::int64_t> whole_number(const boost::json::value& value);

// A string at the path `param`, as the row of an array's entries has it.
Result<std::string_view> string_entry(const boost::json::value& value, std::string param,
                                      const RequestField& field);

class JsonFields {
 public:
  // `path` stands before the names of fields; empty for the document itself.
  JsonFields(const boost::json::object& object, std::string path)
      : object_(&object), path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string name(std::string_view key) const;
  const boost::json::value* find(std::string_view key) const;  // nullptr when absent or null
  Result<std::optional<std::int64_t>> integer(std::string_view key, std::int64_t min,
                                              std::int64_t max) const;
  Result<std::optional<double>> number(std::string_view key, double min, double max) const;
  Result<std::optional<bool>> boolean(std::string_view key) const;
  Result<std::optional<std::string_view>> string(std::string_view key) const;
  Result<std::optional<JsonFields>> object(std::string_view key) const;
  Result<std::string_view> required_string(std::string_view key) const;

  // By its row: the type, and the bounds that it has. `max` where the row's is not all that counts.
  Result<std::optional<std::int64_t>> integer(const RequestField& field) const;
  Result<std::optional<std::int64_t>> integer(const RequestField& field, std::int64_t max) const;
  Result<std::optional<double>> number(const RequestField& field) const;
  Result<std::optional<bool>> boolean(const RequestField& field) const;
  Result<std::optional<std::string_view>> string(const RequestField& field) const;
  Result<std::optional<JsonFields>> object(const RequestField& field) const;
  Result<const boost::json::array*> array(
      const RequestField& field) const;  // nullptr: there is none

  // kUnsupported for the first field with a value that is none of the known ones, with what is
  // called so elsewhere or the nearest name, if there is one.
  Result<void> only(std::span<const std::string_view> known) const;
  // `meant`: the names that may be told instead, with their paths; these fields' own are those
  // below `prefix`.
  Result<void> only(std::span<const std::string_view> known,
                    std::span<const std::string_view> meant, std::string_view prefix) const;

  const boost::json::object& raw() const { return *object_; }

 private:
  const boost::json::object* object_;
  std::string path_;
};

// The body of a request that asks no question: a JSON object of at most 64 KiB. kInvalidArgument.
Result<boost::json::object> parse_small_body(std::string_view body);

}  // namespace oc
