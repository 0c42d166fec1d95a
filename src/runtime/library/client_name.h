// What a client's text means among the names that there are. Pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace oc {

// In small letters and without Ollama's tag ":latest", which names what has no other tag. Two names
// that are the same so mean the same model, where none is called exactly so.
std::string loose_name(std::string_view name);
inline bool is_same_name(std::string_view a, std::string_view b) {
  return a == b || loose_name(a) == loose_name(b);
}

// The one that is called so, or else loosely so; the first of several. Null: none.
const std::string* find_name(std::string_view wanted, std::span<const std::string> names);

// The one that was probably meant where find_name() finds none: a few letters are wrong, or a part
// of it was left out. Null: none is near.
const std::string* nearest_model(std::string_view wanted, std::span<const std::string> names);

// For who names a model that is not there: the nearest name, be it one of `more`, and all `names`.
std::string names_instead(std::string_view wanted, std::span<const std::string> names,
                          std::span<const std::string> more = {});

}  // namespace oc
