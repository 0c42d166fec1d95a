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

#include "base/result.h"

namespace oc {

// So that no schema takes long to compile or makes a step slow (docs/grammar.md has the times).
struct SchemaLimits {
  std::size_t bytes = 32 << 10;
  std::size_t schemas = 512;       // sub-schemas, the whole included
  std::size_t enum_values = 1000;  // over all enums
  // Places of characters in strings of bounded length and in patterns, equal ones once.
  std::int64_t positions = 600;
  std::int64_t pattern_positions = 256;  // of one pattern
  std::int64_t most_count = 10'000;      // of minLength, maxLength, minItems, maxItems
};

// The schema as GrammarCompiler takes it: without annotations, with every constraint explicit.
// Answers that it allows are answers that `schema` allows, not always the other way round: keys
// that `properties` does not name are left out. `path` stands before the names in errors:
// kUnsupported for a keyword that is not enforced, else kInvalidArgument.
Result<std::string> enforceable_schema(const boost::json::value& schema, const std::string& path,
                                       const SchemaLimits& limits = {});

// The number of places in a pattern of the kind that can be enforced: anchors at the ends only,
// printable ASCII, groups, classes and quantifiers. An error says what is not.
Result<std::int64_t> pattern_positions(std::string_view pattern);

// A "$ref" and where it stood.
struct SchemaReference {
  std::string to, param;
};
// Every reference leads to "#" or a definition of `root`, which is as enforceable_schema() makes
// it, and each of these allows some finite value. Errors: kInvalidArgument.
Result<void> check_references(const boost::json::object& root,
                              std::span<const SchemaReference> references, const std::string& path);

}  // namespace oc
