// A client's JSON schema, checked before the grammar library sees it: the library ignores what it
// does not know, we promise that every answer validates. What cannot be enforced is refused.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace oc {

// So that no schema takes long to compile or makes a step slow (docs/grammar.md has the times).
struct SchemaLimits {
  std::size_t bytes = 32 << 10;
  std::size_t schemas = 512;       // sub-schemas, the whole included
  std::size_t enum_values = 1000;  // over all enums
  std::size_t options = 64;        // of one anyOf
  // How long it takes, counted; one is some 10 µs (bench/grammar/schemas.py).
  std::int64_t cost = 120'000;
  std::int64_t pattern_places = 250;
  std::int64_t max_count = 10'000;  // of minLength, maxLength, minItems, maxItems
  std::size_t alike = 20'000'000;   // AlikeCost::work()
};

struct EnforceableSchema {
  std::string text;                            // as GrammarCompiler takes it
  std::vector<std::string> not_enforced = {};  // paths of what another keyword stands for
  std::int64_t cost = 0;                       // of SchemaLimits::cost
};
// The schema without annotations, with every constraint explicit. Answers that it allows are
// answers that `schema` allows, not always the other way round: keys that `properties` does not
// name are left out. `path` stands before the names in errors: kUnsupported for a keyword that is
// not enforced, else kInvalidArgument.
Result<EnforceableSchema> enforceable_schema(const boost::json::value& schema,
                                             const std::string& path,
                                             const SchemaLimits& limits = {});

// Whether a schema's "type" of this name allows the value.
bool fits_type(const boost::json::value& value, std::string_view type);
// Integers beyond int64 would lose digits in the library.
bool is_exact(const boost::json::value& value);

struct PatternCost {
  std::int64_t places = 0;  // its characters, with repeats written out
  std::int64_t work = 0;    // as SchemaLimits::cost; 0 where there are too many places
};
// Of a pattern of the kind that can be enforced: anchors at the ends only,
// printable ASCII, groups, classes and quantifiers. An error says what is not.
Result<PatternCost> pattern_cost(std::string_view pattern);

// A "$ref" and where it stood.
struct SchemaReference {
  std::string to, param;
};
// Every reference leads to "#" or a definition of `root`, which is as enforceable_schema() makes
// it, and each of these allows some finite value. Errors: kInvalidArgument.
Result<void> check_references(const boost::json::object& root,
                              std::span<const SchemaReference> references, const std::string& path);

// What an answer may have to choose by: a value of an enum, a key that may be left out.
struct SchemaLiteral {
  std::string text;  // as JSON
  std::string param;
  std::string within = {};  // "#", or the definition that it belongs to: "#/$defs/NAME"
};
// How long the library takes to merge the beginnings and the ends that literals have in common: one
// character at a time, and a look at all that is there each time. What a reference leads to is
// copied to its place.
struct AlikeCost {
  std::size_t common = 0;  // the longest beginning and the longest end that two of them share
  std::size_t bytes = 0;   // all of them together, copies included
  std::string param;       // of one that shares most
  std::size_t work() const { return common * bytes; }
};
AlikeCost alike_cost(std::vector<SchemaLiteral> literals,
                     std::span<const SchemaReference> references);
Result<void> check_alike(std::vector<SchemaLiteral> literals,
                         std::span<const SchemaReference> references, const SchemaLimits& limits);

}  // namespace oc
