// References of a JSON schema: that they lead somewhere, and that no answer has to be endless.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <set>
#include <utility>
#include <vector>

#include "runtime/grammar/json_schema.h"

namespace oc {
namespace {

namespace json = boost::json;

Error wrong_reference(const std::string& param, std::string_view what) {
  return {ErrorCode::kInvalidArgument, fmt::format("\"{}\" {}", param, what), "", param};
}

// Whether some finite value is allowed, given the definitions that are known to allow one.
bool has_value(const json::value& schema, const std::set<std::string>& known) {
  if (!schema.is_object()) return true;
  const json::object& s = schema.get_object();
  if (const json::value* ref = s.if_contains("$ref"))
    return known.contains(std::string(ref->get_string()));
  if (const json::value* any = s.if_contains("anyOf"))
    return std::ranges::any_of(any->get_array(),
                               [&](const json::value& one) { return has_value(one, known); });
  if (const json::value* prefix = s.if_contains("prefixItems");
      prefix != nullptr && !std::ranges::all_of(prefix->get_array(), [&](const json::value& one) {
        return has_value(one, known);
      }))
    return false;
  if (s.contains("minItems") && !has_value(s.at("items"), known)) return false;
  if (const json::value* required = s.if_contains("required"))
    for (const json::value& name : required->get_array())
      if (!has_value(s.at("properties").get_object().at(name.get_string()), known)) return false;
  return true;
}

}  // namespace

Result<void> check_references(const json::object& root, std::span<const SchemaReference> references,
                              const std::string& path) {
  std::vector<std::pair<std::string, const json::value*>> named;
  for (const std::string_view folder : {"$defs", "definitions"})
    if (const json::value* all = root.if_contains(folder))
      for (const auto& member : all->get_object())
        named.emplace_back(fmt::format("#/{}/{}", folder, std::string_view(member.key())),
                           &member.value());
  const json::value whole(root);
  named.emplace_back("#", &whole);
  for (const auto& [to, param] : references)
    if (std::ranges::none_of(named, [&](const auto& one) { return one.first == to; }))
      return wrong_reference(param, "must be \"#\" or name a definition: \"#/$defs/NAME\"");
  std::set<std::string> known;
  for (bool grown = true; grown;) {
    grown = false;
    for (const auto& [name, body] : named)
      if (!known.contains(name) && has_value(*body, known)) grown = known.insert(name).second;
  }
  for (const auto& [name, body] : named)
    if (!known.contains(name))
      return wrong_reference(
          path, fmt::format("allows no finite answer: {} always needs another of its kind",
                            name == "#" ? "it" : "a definition"));
  return {};
}

}  // namespace oc
