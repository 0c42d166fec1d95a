// The value of one key, and its three notations: JSON, text (environment, flags), and for people.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "api/config/schema.h"
#include "base/result.h"

namespace oc {

// monostate: not set.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string,
                           std::vector<std::string>, std::vector<std::int64_t>>;

// kInvalidArgument: `must be an integer from 0 to 65535, found "abc"`, without the key's name.
Result<Value> value_from_json(const Key& key, const boost::json::value& json);
// `texts`: what was typed, several times for a list; a list may also have commas.
Result<Value> value_from_text(const Key& key, std::span<const std::string> texts);

boost::json::value to_json(const Value& value);
std::string to_text(const Value& value);

// "an integer from 0 to 65535", "one of auto, cpu".
std::string allowed(const Key& key);
// The same for --help: "[0 - 65535]", "{auto,cpu}"; empty: any text, list of texts, or switch.
std::string allowed_in_help(const Key& key);

}  // namespace oc
