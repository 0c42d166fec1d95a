// A JSON schema validator for tests: the keywords that enforceable_schema() lets through, read from
// the schema as the client wrote it, so that a mistake of the checker shows.
#pragma once

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <regex>
#include <string>
#include <string_view>

namespace oc::test {

class SchemaValidator {
 public:
  explicit SchemaValidator(const boost::json::value& root) : root_(root) {}
  bool allows(const boost::json::value& value) const { return allows(value, root_); }

 private:
  using Value = boost::json::value;

  static std::size_t code_points(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
  }

  static std::wstring wide(std::string_view utf8) {  // of what is known to be UTF-8
    std::wstring out;
    for (const char c : utf8) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte & 0xc0) != 0x80)
        out += static_cast<wchar_t>(byte < 0x80 ? byte
                                                : byte & (byte < 0xe0   ? 0x1f
                                                          : byte < 0xf0 ? 0xf
                                                                        : 7));
      else
        out.back() = static_cast<wchar_t>(out.back() << 6 | (byte & 0x3f));
    }
    return out;
  }

  static bool has_type(const Value& value, std::string_view type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_bool();
    if (type == "null") return value.is_null();
    if (!value.is_number()) return false;
    const auto number = value.to_number<double>();
    return type == "number" || !value.is_double() || number == std::floor(number);
  }

  bool allows(const Value& value, const Value& schema) const {
    if (schema.is_bool()) return schema.get_bool();
    const boost::json::object& s = schema.get_object();
    if (const Value* ref = s.if_contains("$ref"))
      return allows(
          value, ref->get_string() == "#" ? root_ : root_.at_pointer(ref->get_string().subview(1)));
    if (const Value* same = s.if_contains("const"); same != nullptr && *same != value) return false;
    if (const Value* values = s.if_contains("enum");
        values != nullptr &&
        std::ranges::find(values->get_array(), value) == values->get_array().end())
      return false;
    if (const Value* any = s.if_contains("anyOf");
        any != nullptr && std::ranges::none_of(any->get_array(), [&](const Value& one) {
          return allows(value, one);
        }))
      return false;
    if (const Value* type = s.if_contains("type")) {
      if (type->is_string() && !has_type(value, type->get_string())) return false;
      if (type->is_array() && std::ranges::none_of(type->get_array(), [&](const Value& one) {
            return has_type(value, one.get_string());
          }))
        return false;
    }
    return object_fits(value, s) && array_fits(value, s) && string_fits(value, s) &&
           number_fits(value, s);
  }

  bool object_fits(const Value& value, const boost::json::object& s) const {
    if (!value.is_object()) return true;
    if (const Value* required = s.if_contains("required"))
      for (const Value& name : required->get_array())
        if (!value.get_object().contains(name.get_string())) return false;
    const Value* properties = s.if_contains("properties");
    const Value* more = s.if_contains("additionalProperties");
    for (const auto& member : value.get_object()) {
      const Value* schema =
          properties != nullptr ? properties->get_object().if_contains(member.key()) : nullptr;
      if (schema == nullptr) schema = more;
      if (schema != nullptr && !allows(member.value(), *schema)) return false;
    }
    return true;
  }

  bool array_fits(const Value& value, const boost::json::object& s) const {
    if (!value.is_array()) return true;
    const boost::json::array& items = value.get_array();
    const auto count = static_cast<std::int64_t>(items.size());
    if (const Value* min_items = s.if_contains("minItems");
        min_items && count < min_items->as_int64())
      return false;
    if (const Value* max_items = s.if_contains("maxItems");
        max_items && count > max_items->as_int64())
      return false;
    const Value* prefix = s.if_contains("prefixItems");
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Value* schema = prefix != nullptr && i < prefix->get_array().size()
                                ? &prefix->get_array()[i]
                                : s.if_contains("items");
      if (schema != nullptr && !allows(items[i], *schema)) return false;
    }
    return true;
  }

  static bool string_fits(const Value& value, const boost::json::object& s) {
    if (!value.is_string()) return true;
    const std::string text(value.get_string());
    const auto length = static_cast<std::int64_t>(code_points(text));
    if (const Value* min_length = s.if_contains("minLength");
        min_length && length < min_length->as_int64())
      return false;
    if (const Value* max_length = s.if_contains("maxLength");
        max_length && length > max_length->as_int64())
      return false;
    const Value* pattern = s.if_contains("pattern");
    return pattern == nullptr ||
           std::regex_search(wide(text), std::wregex(wide(pattern->get_string())));
  }

  static bool number_fits(const Value& value, const boost::json::object& s) {
    if (!value.is_number()) return true;
    const auto number = value.to_number<double>();
    const auto bound = [&](std::string_view name) { return s.at(name).to_number<double>(); };
    if (s.contains("minimum") && number < bound("minimum")) return false;
    if (s.contains("maximum") && number > bound("maximum")) return false;
    if (s.contains("exclusiveMinimum") && number <= bound("exclusiveMinimum")) return false;
    if (s.contains("exclusiveMaximum") && number >= bound("exclusiveMaximum")) return false;
    // Beyond 2^53 the value read is not the one written.
    return !s.contains("multipleOf") || std::abs(number) > 0x1p53 ||
           std::fmod(number, bound("multipleOf")) == 0;
  }

  const Value& root_;
};

}  // namespace oc::test
