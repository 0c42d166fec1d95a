#include "api/json_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <variant>

#include "api/peer_names.h"
#include "base/nearest.h"
#include "io/json.h"

namespace oc {
namespace {

namespace json = boost::json;

std::string shown_number(double value) { return fmt::format("{}", value); }

// A hint: what the field is called here, or which name is near.
std::string name_instead(std::string_view key, std::span<const std::string_view> meant,
                         std::string_view prefix) {
  if (const auto name = peer_name(key, meant)) return fmt::format("here it is \"{}\"", *name);
  std::string hint = "it is refused rather than ignored";
  if (key.size() > 64) return hint;
  std::size_t best = 3;
  for (std::string_view candidate : meant) {
    if (!candidate.starts_with(prefix)) continue;
    candidate.remove_prefix(prefix.size());
    if (candidate.find('.') != candidate.npos) continue;
    if (const std::size_t distance = edit_distance(key, candidate); distance < best) {
      best = distance;
      hint = fmt::format("did you mean \"{}\"?", candidate);
    }
  }
  return hint;
}

}  // namespace

std::string_view kind_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "a boolean";
    case json::kind::int64:
    case json::kind::uint64:
      return "an integer";
    case json::kind::double_:
      return "a number";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "an array";
    case json::kind::object:
      return "an object";
  }
  return "something else";
}

Error wrong_value(std::string param, std::string_view expected, const json::value& found) {
  std::string what(kind_of(found));
  if (found.is_int64()) what = fmt::format("{}", found.get_int64());
  if (found.is_uint64()) what = fmt::format("{}", found.get_uint64());
  if (found.is_double()) what = fmt::format("{}", found.get_double());
  if (found.is_bool()) what = found.get_bool() ? "true" : "false";
  return {ErrorCode::kInvalidArgument,
          fmt::format("\"{}\" must be {}, found {}", param, expected, what), "", param};
}

Result<std::string_view> string_entry(const json::value& value, std::string param,
                                      const RequestField& field) {
  if (const json::string* text = value.if_string()) {
    const std::string_view view(*text);
    const bool known =
        field.one_of.empty() || std::ranges::find(field.one_of, view) != field.one_of.end();
    const auto size = static_cast<double>(view.size());
    if (known && size >= field.min && size <= field.max) return view;
    const std::string found = view.empty() ? "an empty string"
                              : known      ? fmt::format("{} bytes", view.size())
                                           : "another string";
    std::string message = fmt::format("\"{}\" must be {}, found {}", param, expected(field), found);
    return Error{ErrorCode::kInvalidArgument, std::move(message), "", std::move(param)};
  }
  return wrong_value(std::move(param), expected(field), value);
}

bool asks_for_nothing(const RequestField& field, const json::value& value) {
  struct Compare {
    const json::value& value;
    bool operator()(std::monostate) const { return false; }
    bool operator()(bool wanted) const { return value.is_bool() && value.get_bool() == wanted; }
    bool operator()(double wanted) const {
      return value.is_number() && value.to_number<double>() == wanted;
    }
    bool operator()(std::string_view wanted) const {
      return value.is_string() && std::string_view(value.get_string()) == wanted;
    }
    bool operator()(Empty) const {
      return (value.is_object() && value.get_object().empty()) ||
             (value.is_array() && value.get_array().empty()) || value == "";
    }
  };
  return std::visit(Compare{value}, field.nothing);
}

Error not_done(std::string param) {
  return {ErrorCode::kUnsupported, fmt::format("\"{}\" is not supported", param), "leave it out",
          param};
}

std::string JsonFields::name(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

const json::value* JsonFields::find(std::string_view key) const {
  const json::value* value = object_->if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::optional<std::int64_t> whole_number(const json::value& value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (!value.is_double()) return std::nullopt;
  const double number = value.get_double();
  if (!(std::abs(number) < kExact) || number != std::trunc(number)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

Result<std::optional<std::int64_t>> JsonFields::integer(std::string_view key, std::int64_t min,
                                                        std::int64_t max) const {
  const json::value* value = find(key);
  if (value == nullptr) return std::optional<std::int64_t>();
  if (value->is_int64() && value->get_int64() >= min && value->get_int64() <= max)
    return std::optional<std::int64_t>(value->get_int64());
  if (const auto whole = whole_number(*value); whole && *whole >= min && *whole <= max)
    return whole;
  return wrong_value(name(key), fmt::format("an integer from {} to {}", min, max), *value);
}

Result<std::optional<double>> JsonFields::number(std::string_view key, double min,
                                                 double max) const {
  const json::value* value = find(key);
  if (value == nullptr) return std::optional<double>();
  double number = std::numeric_limits<double>::quiet_NaN();
  if (value->is_int64()) number = static_cast<double>(value->get_int64());
  if (value->is_uint64()) number = static_cast<double>(value->get_uint64());
  if (value->is_double()) number = value->get_double();
  if (std::isfinite(number) && number >= min && number <= max) return std::optional<double>(number);
  return wrong_value(name(key),
                     fmt::format("a number from {} to {}", shown_number(min), shown_number(max)),
                     *value);
}

Result<std::optional<bool>> JsonFields::boolean(std::string_view key) const {
  const json::value* value = find(key);
  if (value == nullptr) return std::optional<bool>();
  if (value->is_bool()) return std::optional<bool>(value->get_bool());
  return wrong_value(name(key), "true or false", *value);
}

Result<std::optional<std::string_view>> JsonFields::string(std::string_view key) const {
  const json::value* value = find(key);
  if (value == nullptr) return std::optional<std::string_view>();
  if (value->is_string())
    return std::optional<std::string_view>(std::string_view(value->get_string()));
  return wrong_value(name(key), "a string", *value);
}

Result<std::string_view> JsonFields::required_string(std::string_view key) const {
  OC_ASSIGN_OR_RETURN(const auto text, string(key));
  if (text) return *text;
  return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", name(key)), "",
               name(key)};
}

Result<std::optional<JsonFields>> JsonFields::object(std::string_view key) const {
  const json::value* value = find(key);
  if (value == nullptr) return std::optional<JsonFields>();
  if (value->is_object())
    return std::optional<JsonFields>(JsonFields(value->get_object(), name(key)));
  return wrong_value(name(key), "an object", *value);
}

Result<std::optional<std::int64_t>> JsonFields::integer(const RequestField& field) const {
  return integer(field, static_cast<std::int64_t>(field.max));
}

Result<std::optional<std::int64_t>> JsonFields::integer(const RequestField& field,
                                                        std::int64_t max) const {
  return integer(field.key(), static_cast<std::int64_t>(field.min), max);
}

Result<std::optional<double>> JsonFields::number(const RequestField& field) const {
  return number(field.key(), field.min, field.max);
}

Result<std::optional<bool>> JsonFields::boolean(const RequestField& field) const {
  return boolean(field.key());
}

Result<std::optional<std::string_view>> JsonFields::string(const RequestField& field) const {
  const json::value* value = find(field.key());
  if (value == nullptr) return std::optional<std::string_view>();
  OC_ASSIGN_OR_RETURN(const std::string_view text, string_entry(*value, name(field.key()), field));
  return std::optional<std::string_view>(text);
}

Result<std::optional<JsonFields>> JsonFields::object(const RequestField& field) const {
  const json::value* value = find(field.key());
  if (value == nullptr) return std::optional<JsonFields>();
  if (value->is_object() && value->get_object().size() <= field.max)
    return std::optional<JsonFields>(JsonFields(value->get_object(), name(field.key())));
  return wrong_value(name(field.key()), expected(field), *value);
}

Result<const json::array*> JsonFields::array(const RequestField& field) const {
  const json::value* value = find(field.key());
  if (value == nullptr) return static_cast<const json::array*>(nullptr);
  const json::array* const array = value->if_array();
  if (array == nullptr) return wrong_value(name(field.key()), expected(field), *value);
  const auto size = static_cast<double>(array->size());
  if (size >= field.min && size <= field.max) return array;
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("\"{}\" must be {}, found an array of {}", name(field.key()),
                           expected(field), array->size()),
               "", name(field.key())};
}

Result<void> JsonFields::only(std::span<const std::string_view> known) const {
  return only(known, known, "");
}

Result<void> JsonFields::only(std::span<const std::string_view> known,
                              std::span<const std::string_view> meant,
                              std::string_view prefix) const {
  for (const auto& [raw_key, value] : *object_) {
    const std::string_view key(raw_key);
    if (value.is_null() || std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::string param = name(shown_key(key));
    return Error{ErrorCode::kUnsupported, fmt::format("unknown parameter \"{}\"", param),
                 name_instead(key, meant, prefix), param};
  }
  return {};
}

Result<json::object> parse_small_body(std::string_view body) {
  constexpr int kDepth = 8;
  constexpr std::size_t kMax = 64u << 10;
  if (body.size() > kMax)
    return Error{ErrorCode::kInvalidArgument, "the body is longer than 65536 bytes"};
  OC_ASSIGN_OR_RETURN(json::value document, parse_json(body, "body", kDepth));
  if (document.is_object()) return std::move(document.get_object());
  Error error = wrong_value("body", "a JSON object", document);
  error.param.clear();
  return error;
}

}  // namespace oc
