#include "runtime/grammar/json_schema.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <utility>
#include <vector>

namespace oc {
namespace {

Result<EnforceableSchema> enforce(const std::string& schema) {
  return enforceable_schema(boost::json::parse(schema), "s");
}

std::string enforced(const std::string& schema) {
  const auto result = enforce(schema);
  return result.ok() ? result->text : "ERROR " + result.error().describe();
}

TEST(JsonSchema, KeepsWhatIsEnforcedAndNothingElse) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"title":"t","description":"d","default":1,"examples":[2],"type":"boolean"})",
       R"({"type":"boolean"})"},
      {"{}", "{}"},
      {R"({"const":"a","type":"string"})", R"({"enum":["a"]})"},
      {R"({"enum":[1,null],"type":["integer","null"]})", R"({"enum":[1,null]})"},
      {R"({"type":["string","null"],"minLength":2})",
       R"({"anyOf":[{"type":"string","minLength":2},{"type":"null"}]})"},
      {R"({"allOf":[{"type":"null"}],"title":"x"})", R"({"type":"null"})"},
      {R"({"type":"integer","minimum":0.5,"exclusiveMaximum":7,"maximum":100})",
       R"({"type":"integer","minimum":1,"maximum":6})"},
      {R"({"minItems":2})", R"({"type":"array","items":{},"minItems":2})"},
      {R"({"type":"array","items":true,"uniqueItems":false})", R"({"type":"array","items":{}})"},
      {R"({"type":"array","prefixItems":[{"type":"null"}]})",
       R"({"type":"array","prefixItems":[{"type":"null"}],"items":false})"},
      {R"({"type":"array","prefixItems":[true],"minItems":2})",
       R"({"type":"array","prefixItems":[{}],"items":{},"minItems":2})"},
  };
  for (const auto& [given, expected] : cases)
    EXPECT_EQ(boost::json::parse(enforced(given)), boost::json::parse(expected)) << given;
}

TEST(JsonSchema, WhatProgramsWrite) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"type":"integer","minimum":-9007199254740991,"maximum":9007199254740991})",
       R"({"type":"integer","minimum":-9000000000000000,"maximum":9000000000000000})"},
      {R"({"type":"integer","exclusiveMinimum":0,"maximum":9007199254740991})",
       R"({"type":"integer","minimum":1,"maximum":9000000000000000})"},
      {R"({"type":"string","format":"date","pattern":"^\\d{4}$"})",
       R"({"type":"string","pattern":"^(?:\\d{4,4})$"})"},
      {R"({"type":"string","format":"email","pattern":"^(?!\\.)a$"})",
       R"({"type":"string","format":"email"})"},
      {R"({"type":"string","format":"jwt","pattern":"^a$"})",
       R"({"type":"string","pattern":"^(?:a)$"})"},
      {R"({"type":"string","pattern":"^[a-z]+$","minLength":2,"maxLength":9})",
       R"({"type":"string","pattern":"^(?:[a-z]{2,9})$"})"},
      {R"({"type":"string","format":"color"})", R"({"type":"string"})"},
      {R"({"type":"string","format":"iri"})", R"({"type":"string","format":"uri"})"},
      {R"({"type":"string","format":"email","minLength":1})",
       R"({"type":"string","format":"email"})"},
      {R"({"enum":["a",null],"nullable":true})", R"({"enum":["a",null]})"},
      {R"({"type":"number","multipleOf":2})", R"({"type":"integer","multipleOf":2})"},
      {R"({"type":"integer","multipleOf":5,"exclusiveMinimum":0})",
       R"({"type":"integer","multipleOf":5,"minimum":1,"maximum":1000000000000000})"},
      {R"({"type":"integer","multipleOf":5,"minimum":-7,"maximum":11})", R"({"enum":[-5,0,5,10]})"},
      {R"({"type":"array","items":[{"type":"null"}],"additionalItems":{"type":"boolean"}})",
       R"({"type":"array","prefixItems":[{"type":"null"}],"items":{"type":"boolean"}})"},
      {R"({"allOf":[{"properties":{"a":{"type":"null"}}},{"required":["a"]}],"type":"object"})",
       R"({"type":"object","properties":{"a":{"type":"null"}},"required":["a"],)"
       R"("additionalProperties":false})"},
      {R"({"additionalProperties":{"type":"null"},"propertyNames":{"enum":["a","b"]}})",
       R"({"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"}},)"
       R"("additionalProperties":false})"},
      {R"({"properties":{"a":{"type":"null"}},"additionalProperties":{"type":"null"}})",
       R"({"type":"object","properties":{"a":{"type":"null"}},"additionalProperties":false})"},
      {R"({"type":"object","minProperties":1})",
       R"({"type":"object","additionalProperties":true,"minProperties":1})"},
      {R"({"type":"integer","maximum":9007199254740992})",
       R"({"type":"integer","maximum":9000000000000000})"},
      {R"({"type":"string","format":"uri","x-order":3})", R"({"type":"string","format":"uri"})"},
      {R"({"type":"string","nullable":true})", R"({"anyOf":[{"type":"string"},{"type":"null"}]})"},
      {R"({"type":"null","nullable":true})", R"({"type":"null"})"},
      {R"({"type":"string","nullable":false})", R"({"type":"string"})"},
      {R"({"oneOf":[{"type":"null"},{"type":"string"}]})",
       R"({"anyOf":[{"type":"null"},{"type":"string"}]})"}};
  for (const auto& [given, expected] : cases)
    EXPECT_EQ(boost::json::parse(enforced(given)), boost::json::parse(expected)) << given;
  // Only towards its own side.
  for (const char* schema : {R"({"type":"integer","minimum":9007199254740991})",
                             R"({"type":"integer","maximum":-9007199254740991})"})
    EXPECT_FALSE(enforce(schema).ok()) << schema;
}

TEST(JsonSchema, KeysThatNobodyNamedAreLeftOut) {
  EXPECT_EQ(enforced(R"({"properties":{"a":{"type":"null"}},"required":["b"]})"),
            R"({"type":"object","properties":{"a":{"type":"null"},"b":{}},"required":["b"],)"
            R"("additionalProperties":false})");
  EXPECT_EQ(enforced(R"({"type":"object"})"), R"({"type":"object","additionalProperties":true})");
  EXPECT_EQ(enforced(R"({"type":"object","additionalProperties":{"type":"integer"}})"),
            R"({"type":"object","additionalProperties":{"type":"integer"}})");
}

TEST(JsonSchema, RefusesByPathWhatItCannotEnforce) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"oneOf":[{"type":"number"},{"type":"integer"}]})", "s.oneOf"},
      {R"({"not":{}})", "s.not"},
      {R"({"type":"array","uniqueItems":true})", "s.uniqueItems"},
      {R"({"type":"array","contains":{}})", "s.contains"},
      {R"({"properties":{"a":{"items":{"patternProperties":{}}}}})",
       "s.properties.a.items.patternProperties"},
      {R"({"type":"object","minProperties":2})", "s.minProperties"},
      {R"({"properties":{"a":{}},"propertyNames":{"pattern":"^a$"}})", "s.propertyNames"},
      {R"({"properties":{"a":{}},"patternProperties":{"b":{}}})", "s.patternProperties"},
      {R"({"allOf":[{"items":{}},{"prefixItems":[{}]}]})", "s.allOf"},
      {R"({"allOf":[{"type":"null"},{"type":"string"}]})", "s.allOf"},
      {R"({"anyOf":[{"type":"null"}],"properties":{}})", "s.properties"},
      {R"({"enum":["a"],"minLength":2})", "s.minLength"},
      {R"({"$ref":"#/$defs/a","type":"null","$defs":{"a":{}}})", "s.type"},
      {R"({"type":"string","format":"uri-template"})", "s.format"},
      {R"({"type":"string","format":"date","maxLength":3})", "s.format"},
      {R"({"type":"string","pattern":"^(a|bb+)$","maxLength":3})", "s.pattern"},
      {R"({"type":"string","pattern":"(?=a)b"})", "s.pattern"},
      {R"({"type":"number","multipleOf":0.5})", "s.multipleOf"},
      {R"({"type":"integer","multipleOf":2,"minimum":3})", "s.multipleOf"},
      {R"({"properties":{"a\u0001é":{"x":1}}})", "s.properties.a???.x"},
      {R"({"properties":{"a":false}})", "s.properties.a"},
      {R"({"properties":{"a":{"$defs":{}}}})", "s.properties.a.$defs"},
      {R"({"enum":[18446744073709551615]})", "s.enum"}};
  for (const auto& [schema, param] : cases) {
    const auto result = enforce(schema);
    ASSERT_FALSE(result.ok()) << schema << " " << result->text;
    EXPECT_EQ(result.error().code, ErrorCode::kUnsupported) << schema;
    EXPECT_EQ(result.error().param, param) << schema;
  }
}

TEST(JsonSchema, RefusesWhatIsNoSchema) {
  for (const char* schema : {"5",
                             "true",
                             "[]",
                             R"({"type":"text"})",
                             R"({"type":[]})",
                             R"({"type":5})",
                             R"({"enum":[]})",
                             R"({"enum":["a"],"type":"integer"})",
                             R"({"anyOf":[]})",
                             R"({"properties":[]})",
                             R"({"properties":{"a":5}})",
                             R"({"required":"a"})",
                             R"({"required":["a"],"additionalProperties":false})",
                             R"({"minItems":-1})",
                             R"({"minItems":3,"maxItems":2})",
                             R"({"minLength":1.5})",
                             R"({"maxLength":10001})",
                             R"({"minimum":3,"maximum":2})",
                             R"({"minimum":"3"})",
                             R"({"type":"string","pattern":5})",
                             R"({"type":"integer","exclusiveMinimum":3,"exclusiveMaximum":4})",
                             R"({"type":"number","minimum":1e-9,"maximum":2e-9})",
                             R"({"minimum":1,"minLength":1})",
                             R"({"$ref":"#/$defs/a"})",
                             R"({"$ref":5})",
                             R"({"$ref":"other.json"})",
                             R"({"$defs":5})",
                             R"({"$defs":{"a/b":{}}})"}) {
    const auto result = enforce(schema);
    ASSERT_FALSE(result.ok()) << schema << " " << result->text;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument) << schema;
    EXPECT_EQ(result.error().param.substr(0, 1), "s") << schema;
  }
}

TEST(JsonSchema, RefusesEndlessAnswers) {
  for (const char* schema :
       {R"({"$ref":"#"})",
        R"({"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}})",
        R"({"properties":{"next":{"$ref":"#"}},"required":["next"]})",
        R"({"type":"array","items":{"$ref":"#"},"minItems":1})",
        R"({"$defs":{"a":{"type":"array","prefixItems":[{"$ref":"#/$defs/a"}]}}})"})
    EXPECT_FALSE(enforce(schema).ok()) << schema;
  for (const char* schema :
       {R"({"properties":{"next":{"$ref":"#"}}})", R"({"type":"array","items":{"$ref":"#"}})",
        R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})"})
    EXPECT_TRUE(enforce(schema).ok()) << schema << enforced(schema);
}

TEST(JsonSchema, IsBounded) {
  const auto many = [](int count, const char* format) {
    std::string out;
    for (int i = 0; i < count; ++i)
      out += (i == 0 ? "" : ",") + fmt::format(fmt::runtime(format), i);
    return out;
  };
  const std::pair<std::string, std::string> cases[] = {
      {"{\"enum\":[\"" + std::string(40'000, 'x') + "\"]}", "bytes"},
      {"{\"enum\":[" + many(1001, "{}") + "]}", "values"},
      {"{\"properties\":{" + many(520, "\"p{}\":{{}}") + "}}", "sub-schemas"},
      {"{\"required\":[" + many(520, "\"p{}\"") + "]}", "sub-schemas"},
      {"{\"anyOf\":[" + many(60, "{{\"type\":\"string\",\"minLength\":1{:02}}}") + "]}", "costly"},
      {"{\"anyOf\":[" + many(65, "{{\"enum\":[{}]}}") + "]}", "more than 64"},
      {R"({"type":"string","pattern":"^(a{50}){50}$"})", "places"},
      {R"({"type":"string","pattern":"^a{251}$"})", "places"},
      {R"({"type":"string","pattern":"^(.{0,10}){10}$"})", "costly"},
      // Places where a space may stand take memory: 420 MB.
      {"{\"properties\":{" +
           many(40, "\"p{0}\":{{\"type\":\"string\",\"pattern\":\"^ {{0,1{0:02}}}$\"}}") + "}}",
       "costly"},
      // Which is where the library has taken 20 s.
      {R"({"type":"string","pattern":"^(.{0,40}){4}$"})", "costly"},
  };
  for (const auto& [schema, word] : cases) {
    const auto result = enforce(schema);
    ASSERT_FALSE(result.ok()) << schema.substr(0, 100);
    EXPECT_NE(result.error().message.find(word), std::string::npos) << result.error().message;
  }
  // Equal strings are compiled once.
  EXPECT_TRUE(enforce("{\"properties\":{" +
                      many(100, "\"p{}\":{{\"type\":\"string\",\"maxLength\":100}}") + "}}")
                  .ok());
}

std::string values(int count, const std::string& begin, const std::string& end = "") {
  std::string out;
  for (int i = 0; i < count; ++i)
    out += fmt::format(R"({}"{}{:03}{}")", i == 0 ? "" : ",", begin, i, end);
  return out;
}
std::string of_enum(const std::string& all) { return R"({"enum":[)" + all + "]}"; }
std::string repeated(const std::string& one, int times) {
  std::string out = one;
  for (int i = 1; i < times; ++i) out += "," + one;
  return out;
}

// The library would take seconds to merge what these share, and nothing can stop it.
TEST(JsonSchema, WhatAlternativesShareIsBounded) {
  const std::string a6000(6000, 'a'), a3000(3000, 'a'), a700(700, 'a');
  const std::string first = "\"" + a6000 + "1\"", second = "\"" + a6000 + "2\"";
  const std::string pair = of_enum(values(2, a700));
  const std::pair<std::string, std::string> cases[] = {
      {of_enum(values(2, a6000)), "s.enum"},
      {of_enum(values(2, std::string(15000, 'a'))), "s.enum"},
      {of_enum(values(10, a3000)), "s.enum"},
      {of_enum(values(2, "", a6000)), "s.enum"},
      {of_enum(values(2, a3000, a3000)), "s.enum"},
      {of_enum(R"({"k":)" + first + R"(,"l":1},{"k":)" + first + R"(,"l":2})"), "s.enum"},
      {R"({"anyOf":[{"const":)" + first + R"(},{"const":)" + second + "}]}", "s.anyOf[1].const"},
      {R"({"properties":{)" + first + ":{}," + second + ":{}}}", "s.properties"},
      // One of the two may be left out, however often the other one is named.
      {R"({"properties":{)" + first + ":{}," + second + R"(:{}},"required":[)" + first + "," +
           first + "]}",
       "s.properties"},
      {R"({"anyOf":[)" + repeated(R"({"$ref":"#/$defs/e"})", 60) + R"(],"$defs":{"e":)" +
           of_enum(values(50, std::string(300, 'a'))) + "}}",
       "s.$defs.e.enum"},
      {R"({"type":"array","prefixItems":[)" + repeated(R"({"$ref":"#/$defs/e"})", 100) +
           R"(],"$defs":{"e":)" + pair + "}}",
       "s.$defs.e.enum"}};
  for (const auto& [schema, param] : cases) {
    const auto result = enforce(schema);
    ASSERT_FALSE(result.ok()) << schema.substr(0, 60);
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument) << schema.substr(0, 60);
    EXPECT_EQ(result.error().param, param);
    EXPECT_NE(result.error().message.find("in common"), std::string::npos);
    EXPECT_LT(result.error().message.size(), 400u);
  }
  // One byte more than may be, and as much as may be: the product of what is shared and of all.
  const std::vector<SchemaLiteral> two = {{"abcx", "p"}, {"abdx", "q"}, {"zz", "r"}};
  EXPECT_EQ(alike_cost(two, {}).common, 3u);
  EXPECT_EQ(alike_cost(two, {}).bytes, 10u);
  EXPECT_TRUE(check_alike(two, {}, {.alike = 30}).ok());
  EXPECT_FALSE(check_alike(two, {}, {.alike = 29}).ok());
  // What is copied by references is there as often, and all of it is shared.
  const std::vector<SchemaLiteral> one = {{"abc", "p", "#/$defs/d"}};
  const std::vector<SchemaReference> references(3, {"#/$defs/d", "r"});
  EXPECT_EQ(alike_cost(one, references).common, 6u);
  EXPECT_EQ(alike_cost(one, references).bytes, 9u);
}

TEST(JsonSchema, WhatProgramsSendMayShareMuch) {
  std::string names, words;
  for (int i = 0; i < 100; ++i)
    names += fmt::format(R"({}"line_item_property_{}":{{"type":"string"}})", i == 0 ? "" : ",", i);
  for (int i = 0; i < 900; ++i) words += fmt::format(R"({}"word{}s")", i == 0 ? "" : ",", i);
  const std::string url = "https://shop.example.com/" + std::string(80, 'p') + "/item-";
  for (const std::string& schema : std::vector<std::string>{
           of_enum(words), of_enum(values(250, url)), "{\"properties\":{" + names + "}}",
           R"({"properties":{"line_item_quantity":{},"line_item_price":{}}})",
           R"({"const":")" + std::string(31'000, 'a') + "\"}",
           of_enum(values(1, "a" + std::string(6000, 'a')) + "," +
                   values(1, "b" + std::string(6000, 'b'))),
           R"({"type":"array","prefixItems":[)" + repeated(R"({"$ref":"#/$defs/e"})", 30) +
               R"(],"$defs":{"e":)" + of_enum(values(20, url)) + "}}",
           R"({"required":[")" + std::string(6000, 'a') + R"(1",")" + std::string(6000, 'a') +
               "2\"]}"})
    EXPECT_TRUE(enforce(schema).ok()) << schema.substr(0, 60) << enforced(schema).substr(0, 300);
}

TEST(JsonSchemaPattern, CountsPlaces) {
  const std::pair<const char*, std::int64_t> cases[] = {
      {"^abc$", 3},           {"[a-z0-9_-]+", 1}, {"^(ab|c){2,5}$", 15}, {"\\d{4}-\\d\\d", 7},
      {"(?:a?b*){0}", 2},     {"[^a-c]{3,}", 3},  {"\\$\\.", 2},         {"", 0},
      {"((.?){11}){11}", 121}};
  for (const auto& [pattern, places] : cases) {
    const auto cost = pattern_cost(pattern);
    ASSERT_TRUE(cost.ok()) << pattern << " " << cost.error().message;
    EXPECT_EQ(cost->places, places) << pattern;
  }
}

TEST(JsonSchemaPattern, WhatMayStandAnywhereAndInManyWaysCosts) {
  const auto work = [](const char* pattern) { return pattern_cost(pattern).value().work; };
  EXPECT_LT(10 * work("^\\d{50}$"), work("^.{50}$"));
  EXPECT_LT(2 * work("^[a-z]{50}$"), work("^[a-z ]{50}$"));
  EXPECT_LT(10 * work("^.{0,50}$"), work("^(.?){50}$"));
  EXPECT_LT(2 * work("^.{0,80}$"), work("^(.{0,20}){4}$"));
}

TEST(JsonSchemaPattern, RefusesWhatTheLibraryWouldIgnore) {
  for (const char* pattern :
       {"(?=a)", "(?<n>a)", "a^b",  "a$b",      "(a$)", "\\b",    "\\1",     "\\p{L}",
        "\\S",   "\\x41",   "\\\\", "\"",       "[\"]", "[^\\s]", "[]",      "[^]",
        "[b-a]", "[a",      "(a",   "a)",       "a**",  "a+?",    "a{2}{3}", "a{}",
        "a{,3}", "a{3,2}",  "*a",   "\xc3\xa9", "a\n",  "\\",     "[\\"})
    EXPECT_FALSE(pattern_cost(pattern).ok()) << pattern;
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += '(';
  EXPECT_FALSE(pattern_cost(deep).ok());
}

}  // namespace
}  // namespace oc
