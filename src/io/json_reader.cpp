#include <fmt/format.h>

#include <cmath>

#include "base/check.h"
#include "base/printable.h"
#include "io/json.h"
#include "io/json_text.h"

namespace oc {

namespace json = boost::json;

namespace {

constexpr std::size_t kShown = 40;  // bytes of a value in a message

}  // namespace

std::string shown_value(const json::value& value) {
  if (value.is_object()) return fmt::format("an object of {}", value.get_object().size());
  if (value.is_array()) return fmt::format("an array of {}", value.get_array().size());
  if (value.is_string())
    return shortened('"' + printable_in_quotes(shortened(value.get_string(), 2 * kShown)) + '"',
                     kShown);
  return json_text(value);
}

JsonReader::JsonReader(std::shared_ptr<const Document> document, const json::value& value,
                       std::string path)
    : document_(std::move(document)),
      value_(&value),
      object_(value.if_object()),
      path_(std::move(path)) {}

JsonReader::JsonReader(const json::value& value, std::string_view what, std::string_view hint)
    : JsonReader(std::make_shared<Document>(Document{std::string(what), std::string(hint)}), value,
                 "") {}

JsonReader::JsonReader(const json::object& object, std::string_view what, std::string_view hint)
    : document_(std::make_shared<Document>(Document{std::string(what), std::string(hint)})),
      value_(nullptr),
      object_(&object) {}

const json::value& JsonReader::value() const {
  OC_CHECK(value_ != nullptr, "{}: an object was given, no value", document_->what);
  return *value_;
}

std::string JsonReader::child(std::string_view key) const {
  std::string name = excerpt(key);
  name = name.substr(1, name.size() - 2);
  return path_.empty() ? name : path_ + "." + name;
}

Error JsonReader::error(ErrorCode code, std::string_view text, std::string_view hint) const {
  // The whole document has no path: `tokenizer.json: must be an object`.
  return {code,
          path_.empty() ? fmt::format("{}: {}", document_->what, text)
                        : fmt::format("{}: \"{}\" {}", document_->what, path_, text),
          std::string(hint.empty() ? std::string_view(document_->hint) : hint)};
}

Error JsonReader::wrong(std::string_view what) const {
  return error(ErrorCode::kCorrupt,
               fmt::format("must be {}, found {}", what, shown_value(value())));
}

// --- This value

Result<const json::object*> JsonReader::object() const {
  if (object_ != nullptr) return object_;
  return wrong("an object");
}

Result<const json::array*> JsonReader::array() const {
  if (const json::array* found = value().if_array()) return found;
  return wrong("an array");
}

Result<std::string_view> JsonReader::string() const {
  if (const json::string* found = value().if_string()) return std::string_view(*found);
  return wrong("a string");
}

Result<bool> JsonReader::boolean() const {
  if (const bool* found = value().if_bool()) return *found;
  return wrong("true or false");
}

Result<std::int64_t> JsonReader::integer(std::int64_t min, std::int64_t max) const {
  const std::int64_t* found = value().if_int64();
  if (found != nullptr && *found >= min && *found <= max) return *found;
  return wrong(fmt::format("an integer from {} to {}", min, max));
}

Result<double> JsonReader::number() const {
  // 1e999 is valid JSON, and becomes infinity.
  if (value().is_number() && std::isfinite(value().to_number<double>()))
    return value().to_number<double>();
  return wrong("a number");
}

JsonReader JsonReader::element(std::size_t i) const {
  return {document_, value().as_array().at(i), fmt::format("{}[{}]", path_, i)};
}

// --- Members

Result<JsonReader> JsonReader::find(std::string_view key) const {
  static const json::value kNull;
  OC_ASSIGN_OR_RETURN(const json::object* members, object());
  const json::value* found = members->if_contains(key);
  return JsonReader(document_, found != nullptr ? *found : kNull, child(key));
}

Result<JsonReader> JsonReader::at(std::string_view key) const {
  OC_ASSIGN_OR_RETURN(const json::object* members, object());
  const json::value* found = members->if_contains(key);
  if (found != nullptr) return JsonReader(document_, *found, child(key));
  return Error{ErrorCode::kCorrupt,
               fmt::format("{}: \"{}\" is missing", document_->what, child(key)), document_->hint};
}

Result<JsonReader> JsonReader::present(std::string_view key) const {
  OC_ASSIGN_OR_RETURN(JsonReader found, find(key));
  if (found.is_null()) return found.error(ErrorCode::kCorrupt, "is missing");
  return found;
}

bool JsonReader::has(std::string_view key) const {
  const json::value* found = object_ != nullptr ? object_->if_contains(key) : nullptr;
  return found != nullptr && !found->is_null();
}

Result<std::int64_t> JsonReader::integer(std::string_view key, std::int64_t min,
                                         std::int64_t max) const {
  OC_ASSIGN_OR_RETURN(const JsonReader found, present(key));
  return found.integer(min, max);
}

Result<double> JsonReader::number(std::string_view key) const {
  OC_ASSIGN_OR_RETURN(const JsonReader found, present(key));
  return found.number();
}

Result<std::string> JsonReader::string(std::string_view key) const {
  OC_ASSIGN_OR_RETURN(const JsonReader found, present(key));
  OC_ASSIGN_OR_RETURN(const std::string_view text, found.string());
  return std::string(text);
}

Result<bool> JsonReader::boolean(std::string_view key) const {
  OC_ASSIGN_OR_RETURN(const JsonReader found, present(key));
  return found.boolean();
}

Result<std::vector<double>> JsonReader::numbers(std::string_view key, std::size_t expected) const {
  OC_ASSIGN_OR_RETURN(const JsonReader found, present(key));
  const std::string wanted = fmt::format("a list of {} numbers", expected);
  const json::array* list = found.value().if_array();
  if (list == nullptr) return found.wrong(wanted);
  if (list->size() != expected)
    return found.error(ErrorCode::kCorrupt,
                       fmt::format("must be {}, found {}", wanted, list->size()));
  std::vector<double> out;
  for (std::size_t i = 0; i < expected; ++i) {
    const auto one = found.element(i).number();
    if (!one.ok())
      return found.error(ErrorCode::kCorrupt,
                         fmt::format("must be {}, found {}", wanted, shown_value((*list)[i])));
    out.push_back(*one);
  }
  return out;
}

Result<JsonReader> JsonReader::object(std::string_view key) const {
  OC_ASSIGN_OR_RETURN(const JsonReader found, present(key));
  OC_ASSIGN_OR_RETURN(const json::object* members, found.object());
  return JsonReader(*members, fmt::format("{}: {}", document_->what, found.path_), document_->hint);
}

Result<std::vector<JsonReader>> JsonReader::objects(std::string_view key) const {
  OC_ASSIGN_OR_RETURN(const JsonReader found, present(key));
  OC_ASSIGN_OR_RETURN(const json::array* list, found.array());
  std::vector<JsonReader> out;
  for (std::size_t i = 0; i < list->size(); ++i) {
    JsonReader one = found.element(i);
    OC_RETURN_IF_ERROR(one.object());
    out.push_back(std::move(one));
  }
  return out;
}

Result<std::int64_t> JsonReader::integer_or(std::string_view key, std::int64_t fallback,
                                            std::int64_t min, std::int64_t max) const {
  return has(key) ? integer(key, min, max) : Result<std::int64_t>(fallback);
}
Result<double> JsonReader::number_or(std::string_view key, double fallback) const {
  return has(key) ? number(key) : Result<double>(fallback);
}
Result<std::string> JsonReader::string_or(std::string_view key, std::string fallback) const {
  return has(key) ? string(key) : Result<std::string>(std::move(fallback));
}
Result<bool> JsonReader::boolean_or(std::string_view key, bool fallback) const {
  return has(key) ? boolean(key) : Result<bool>(fallback);
}

}  // namespace oc
