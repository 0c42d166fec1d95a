#include "text/json_field.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "base/number_text.h"
#include "base/printable.h"
#include "base/utf8.h"

namespace oc {
namespace json = boost::json;
namespace {

constexpr std::size_t kShown = 60;  // bytes of a value in a message

std::string describe(const json::value& value) {
  switch (value.kind()) {
    case json::kind::object:
      return fmt::format("an object of {}", value.get_object().size());
    case json::kind::array:
      return fmt::format("an array of {}", value.get_array().size());
    case json::kind::string:
      return excerpt(std::string_view(value.get_string()));
    case json::kind::double_:
      return number_text(value.get_double());
    default:
      return json::serialize(value);
  }
}

}  // namespace

std::string excerpt(std::string_view text) {
  std::string out = "\"";
  const bool cut = text.size() > kShown;
  while (!text.empty() && out.size() <= kShown) {
    const CodePoint next = first_code_point(text);
    if (next.size == 0 || next.value < 0x20 || next.value == 0x7F) {
      out += fmt::format("\\x{:02X}", static_cast<std::uint8_t>(text[0]));
      text.remove_prefix(1);
    } else {
      out += printable(text.substr(0, next.size), Lines::kOne);
      text.remove_prefix(next.size);
    }
  }
  return out + (cut || !text.empty() ? "…\"" : "\"");
}

std::string JsonField::child(std::string_view key) const {
  std::string name = excerpt(key);
  name = name.substr(1, name.size() - 2);
  return path_.empty() ? name : path_ + "." + name;
}

Result<JsonField> JsonField::find(std::string_view key) const {
  static const json::value kNull;
  OC_ASSIGN_OR_RETURN(const json::object* members, object());
  const json::value* found = members->if_contains(key);
  return JsonField(found != nullptr ? *found : kNull, child(key), document_);
}

Result<JsonField> JsonField::at(std::string_view key) const {
  OC_ASSIGN_OR_RETURN(const json::object* members, object());
  const json::value* found = members->if_contains(key);
  if (found == nullptr) {
    return Error{ErrorCode::kCorrupt, fmt::format("{}: \"{}\" is missing", document_, child(key))};
  }
  return JsonField(*found, child(key), document_);
}

JsonField JsonField::element(std::size_t i) const {
  return JsonField(value_->as_array().at(i), fmt::format("{}[{}]", path_, i), document_);
}

Result<const json::object*> JsonField::object() const {
  if (const json::object* found = value_->if_object()) return found;
  return wrong("an object");
}

Result<const json::array*> JsonField::array() const {
  if (const json::array* found = value_->if_array()) return found;
  return wrong("an array");
}

Result<std::string_view> JsonField::string() const {
  if (const json::string* found = value_->if_string()) {
    return std::string_view(found->data(), found->size());
  }
  return wrong("a string");
}

Result<bool> JsonField::boolean() const {
  if (const bool* found = value_->if_bool()) return *found;
  return wrong("true or false");
}

Result<std::int64_t> JsonField::integer(std::int64_t min, std::int64_t max) const {
  const std::int64_t* found = value_->if_int64();
  if (found != nullptr && *found >= min && *found <= max) return *found;
  return wrong(fmt::format("an integer from {} to {}", min, max));
}

Error JsonField::error(ErrorCode code, std::string_view text, std::string hint) const {
  // The whole document has no path: `tokenizer.json: must be an object`.
  return Error{code,
               path_.empty() ? fmt::format("{}: {}", document_, text)
                             : fmt::format("{}: \"{}\" {}", document_, path_, text),
               std::move(hint)};
}

Error JsonField::wrong(std::string_view what) const {
  return error(ErrorCode::kCorrupt, fmt::format("must be {}, found {}", what, describe(*value_)));
}

}  // namespace oc
