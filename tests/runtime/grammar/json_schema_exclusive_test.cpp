#include "runtime/grammar/json_schema_exclusive.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>

namespace oc {
namespace {

constexpr const char* kRoot = R"({"$defs":{"cat":{"type":"object","properties":{
    "kind":{"const":"cat"}},"required":["kind"]},"dog":{"type":"object","properties":{
    "kind":{"$ref":"#/definitions/dogs"}},"required":["kind"]},"loop":{"$ref":"#/$defs/loop"}},
    "definitions":{"dogs":{"enum":["dog","wolf"]}}})";

bool exclusive(const std::string& schemas) {
  const auto root = boost::json::parse(kRoot);
  return exclude_each_other(boost::json::parse(schemas).get_array(), root.get_object());
}

TEST(JsonSchemaExclusive, SchemasThatExcludeEachOther) {
  for (const char* schemas :
       {R"([{"type":"string"}])", R"([{"type":"string"},{"type":"null"}])",
        R"([{"type":["string","null"]},{"type":"integer"},{"type":"object"}])",
        R"([{"const":1},{"const":2},{"enum":["a",null]}])",
        R"([{"$ref":"#/$defs/cat"},{"$ref":"#/$defs/dog"}])",
        R"([{"$ref":"#/$defs/cat"},{"type":"object","properties":{"kind":{"const":"cow"}},
            "required":["other","kind"]}])",
        R"([{"type":"object","properties":{"kind":{"const":"a"}},"required":["kind"]},
            {"type":"object","properties":{"kind":{"const":"b"}}}])"})
    EXPECT_TRUE(exclusive(schemas)) << schemas;
}

TEST(JsonSchemaExclusive, SchemasThatMayBothFit) {
  for (const char* schemas :
       {R"([{},{}])", R"([{"type":"string"},{}])", R"([{"type":"number"},{"type":"integer"}])",
        R"([{"type":"string","nullable":true},{"type":"null"}])", R"([{"const":1},{"const":1.0}])",
        R"([{"const":[1]},{"const":[1.0]}])", R"([{"enum":["a","b"]},{"const":"b"}])",
        R"([{"type":"string"},{"type":"string"}])",
        // The key may be missing in both, or the value no object.
        R"([{"type":"object","properties":{"kind":{"const":"a"}}},
            {"type":"object","properties":{"kind":{"const":"b"}}}])",
        R"([{"properties":{"kind":{"const":"a"}},"required":["kind"]},
            {"properties":{"kind":{"const":"b"}},"required":["kind"]}])",
        R"([{"$ref":"#/$defs/cat"},{"$ref":"#/$defs/cat"}])",
        R"([{"$ref":"#/$defs/cat"},{"$ref":"#/$defs/none"}])",
        R"([{"$ref":"#/$defs/loop"},{"type":"null"}])", R"([{"$ref":5},{"type":"null"}])",
        R"([5,{"type":"null"}])"})
    EXPECT_FALSE(exclusive(schemas)) << schemas;
}

}  // namespace
}  // namespace oc
