#include "runtime/grammar/bounded_strings.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "io/json_text.h"
#include "runtime/grammar/json_schema_pattern.h"

namespace oc {
namespace {

namespace json = boost::json;

// What stands for itself in a JSON string.
constexpr std::string_view kCharacter = R"([^\0-\x1f\"\\])";

std::int64_t length(const json::object& schema, std::string_view name, std::int64_t otherwise) {
  const json::value* given = schema.if_contains(name);
  return given == nullptr ? otherwise : given->to_number<std::int64_t>();
}

// As a class of EBNF. What JSON's strings have to escape is not written.
std::string text_of(const PlaceCharacters& characters) {
  std::string out = characters.others ? R"([^\0-\x1f\"\\)" : "[";
  for (int c = 0x20; c < 0x7f; ++c) {
    if (c == '"' || c == '\\') continue;
    if (characters.ascii[static_cast<std::size_t>(c)] != characters.others)
      out += fmt::format("\\x{:02x}", c);
  }
  return out + "]";
}

std::string text_of(const PatternPart& part) {
  if (part.kind == PatternPart::kPlace) return text_of(part.characters);
  if (part.kind == PatternPart::kRepeat) {
    const std::string one = text_of(part.parts[0]);
    if (part.most >= 0) return fmt::format("({}){{{},{}}}", one, part.least, part.most);
    return fmt::format("({}){{{},}}", one, part.least);
  }
  std::string all;
  for (const PatternPart& one : part.parts) {
    if (!all.empty()) all += part.kind == PatternPart::kAny ? " | " : " ";
    all += text_of(one);
  }
  return part.kind == PatternPart::kAny ? fmt::format("({})", all) : all.empty() ? R"("")" : all;
}

}  // namespace

BoundedStrings::BoundedStrings(std::string_view schema) : mark_("bounded_string_") {
  while (schema.find(mark_) != schema.npos) mark_ += '_';
  json::parse_options deep;
  deep.max_depth = 1000;  // it has been read before
  json::value root = json::parse(schema, {}, deep);
  replace(root);
  if (!shared_.empty()) {
    json::value& definitions = root.get_object()["$defs"];
    if (!definitions.is_object()) definitions.emplace_object();
    for (const auto& [text, number] : shared_)
      definitions.get_object().emplace(definition(number), json::parse(text));
  }
  schema_ = json_text(root);
}

void BoundedStrings::replace(json::value& schema) {
  if (!schema.is_object()) return;
  json::object& in = schema.get_object();
  if (in.contains("enum")) return;
  const Lengths lengths = {length(in, "minLength", 0), length(in, "maxLength", -1)};
  if (lengths.first > kWrittenOut || lengths.second > kWrittenOut) {
    const auto at = rules_.try_emplace(lengths, rules_.size()).first;
    schema = json::object{{"enum", json::array{json::value(name(at->second))}}};
    return;
  }
  if (const json::value* pattern = in.if_contains("pattern")) {
    const auto at =
        patterns_.try_emplace(std::string(pattern->as_string()), patterns_.size()).first;
    schema = json::object{{"enum", json::array{json::value(pattern_name(at->second))}}};
    return;
  }
  if (in.contains("multipleOf") && in.contains("maximum")) {
    const std::int64_t least = length(in, "minimum", 0);
    const BoundedMultiples multiples = {
        .step = length(in, "multipleOf", 1), .negative = least < 0, .zero = least <= 0};
    const auto at = multiples_.try_emplace(multiples, multiples_.size()).first;
    schema = json::object{{"enum", json::array{json::value(multiple_name(at->second))}}};
    return;
  }
  if (in.contains("format")) {
    const auto at = shared_.try_emplace(json_text(in), shared_.size()).first;
    schema = json::object{{"$ref", "#/$defs/" + definition(at->second)}};
    return;
  }
  for (const std::string_view key : {"additionalProperties", "items", "propertyNames"})
    if (json::value* inner = in.if_contains(key)) replace(*inner);
  for (const std::string_view key : {"properties", "$defs", "definitions", "anyOf", "prefixItems"})
    replace_all(in.if_contains(key));
}

void BoundedStrings::replace_all(json::value* schemas) {
  if (schemas == nullptr) return;
  if (schemas->is_array())
    for (json::value& one : schemas->get_array()) replace(one);
  else
    for (auto& member : schemas->get_object()) replace(member.value());
}

std::string BoundedStrings::rules(std::string grammar) const {
  const auto put = [&](const std::string& rule) {
    const std::string value = fmt::format(R"("\"{}\"")", rule);
    for (std::size_t at = grammar.find(value); at != grammar.npos; at = grammar.find(value, at))
      grammar.replace(at, value.size(), rule);
  };
  for (const auto& [pattern, number] : patterns_) {
    put(pattern_name(number));
    grammar += fmt::format("{} ::= \"\\\"\" {} \"\\\"\"\n", pattern_name(number),
                           text_of(read_pattern(pattern).value()));
  }
  for (const auto& [multiples, number] : multiples_) {
    put(multiple_name(number));
    grammar += multiples.rules(multiple_name(number));
  }
  for (const auto& [lengths, number] : rules_) {
    const auto& [least, most] = lengths;
    put(name(number));
    std::string body = least > 0 ? fmt::format("{}{{{}}} ", kCharacter, least) : "";
    if (most < 0) {
      body += fmt::format("{}*", kCharacter);
    } else if (most > least) {
      const std::string rest = name(number) + "_rest";
      body += rest;
      grammar += fmt::format("{}[max_chars={}] ::= {}*\n", rest, most - least, kCharacter);
    }
    grammar += fmt::format("{} ::= \"\\\"\" {} \"\\\"\"\n", name(number), body);
  }
  return grammar;
}

}  // namespace oc
