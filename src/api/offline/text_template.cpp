#include "api/offline/text_template.h"

#include <fmt/format.h>

namespace oc {
Result<TextTemplate> TextTemplate::parse(std::string_view text) {
  const Error wrong{ErrorCode::kInvalidArgument, "a brace in the text has no other one",
                    "{name} is the place of a value, {{ and }} are braces"};
  TextTemplate out;
  out.places_.emplace_back();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
      out.places_.back().before += c;
      ++i;
    } else if (c == '{') {
      const std::size_t end = text.find('}', i);
      if (end == text.npos || end == i + 1) return wrong;
      out.places_.back().name = text.substr(i + 1, end - i - 1);
      out.places_.emplace_back();
      i = end;
    } else if (c == '}') {
      return wrong;
    } else {
      out.places_.back().before += c;
    }
  }
  return out;
}

std::vector<std::string> TextTemplate::names() const {
  std::vector<std::string> out;
  for (const Place& place : places_)
    if (!place.name.empty()) out.push_back(place.name);
  return out;
}

Error TextTemplate::no_such_value(std::string_view name) {
  return {
      ErrorCode::kInvalidArgument, fmt::format("there is no {{{}}}", name),
      "of a picture there are {file}, {name}, {stem}, {folder} and {index}, of a list's line its "
      "fields; {{ and }} are braces"};
}

Result<std::string> TextTemplate::fill(const ValueOf& value_of) const {
  std::string out;
  for (const Place& place : places_) {
    out += place.before;
    if (place.name.empty()) continue;
    const auto value = value_of(place.name);
    if (!value) return no_such_value(place.name);
    out += *value;
  }
  return out;
}

}  // namespace oc
