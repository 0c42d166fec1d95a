// A regular expression of a JSON schema, read. Only for .cpp files of this room.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/grammar/json_schema.h"

namespace oc {

// What may stand at one place.
struct PlaceCharacters {
  std::bitset<128> ascii = {};
  bool others = false;
};

struct PatternPart {
  enum Kind { kPlace, kSequence, kAny, kRepeat };
  Kind kind = kPlace;
  PlaceCharacters characters = {};   // of a place
  std::int64_t least = 1, most = 1;  // of a repeat; -1: no end
  std::int64_t places = 0;           // with repeats written out
  std::vector<PatternPart> parts = {};
  std::string_view text = {};  // of a place, within the pattern
};

// Of the kind that can be enforced: anchors at the ends only, printable ASCII, groups, classes and
// quantifiers. An error says what is not.
Result<PatternPart> read_pattern(std::string_view pattern);

PatternCost cost_of_pattern(const PatternPart& pattern);

// The same, as the library takes it: of "(ab*)?" it makes "(ab*)?|b*".
std::string written_out(const PatternPart& pattern);

// The pattern for strings of these lengths only: it may be one that allows no other, or one place
// that is repeated. Empty: it is another.
std::string within_lengths(std::string_view pattern, std::int64_t least, std::int64_t most);

}  // namespace oc
