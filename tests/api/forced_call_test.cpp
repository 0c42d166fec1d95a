#include "api/forced_call.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>
#include <vector>

namespace oc {
namespace {

namespace json = boost::json;

struct Offer {
  std::string name, description, schema;  // "": no parameters
};

Result<ChatRequest> forced(const std::vector<Offer>& offers) {
  ChatRequest request;
  request.generate.messages.push_back({Role::kUser, {TextPart{"Hello"}}});
  std::vector<json::value> schemas(offers.size());
  std::vector<OfferedTool> tools;
  for (std::size_t i = 0; i < offers.size(); ++i) {
    if (!offers[i].schema.empty()) schemas[i] = json::parse(offers[i].schema);
    tools.push_back({.name = offers[i].name,
                     .description = offers[i].description,
                     .parameters = schemas[i].is_object() ? &schemas[i].get_object() : nullptr,
                     .param = "tools[" + std::to_string(i) + "]"});
  }
  OC_RETURN_IF_ERROR(force_call(tools, request));
  return request;
}

std::string told(const Result<ChatRequest>& request) {
  if (!request.ok()) return request.error().describe();
  return std::get<TextPart>(request->generate.messages.back().parts.back()).text;
}

const std::string kZone =
    R"({"type":"object","properties":{"zone":{"type":"string"}},"required":["zone"]})";

TEST(ForceCall, OneToolIsItsParameters) {
  const auto request = forced({{"get_time", "The time.", kZone}});
  ASSERT_TRUE(request.ok()) << request.error().describe();
  EXPECT_EQ(request->forced_call->tools, std::vector<std::string>{"get_time"});
  EXPECT_EQ(json::parse(*request->generate.json_schema).at("required"), json::parse(R"(["zone"])"));
  EXPECT_EQ(
      told(request),
      "Call this tool. Answer with its parameters as JSON.\nget_time: The time.\nparameters: " +
          kZone);
}

// Names that somebody gave are no keywords, and the two places of definitions stay two.
TEST(ForceCall, NamesAreNoKeywords) {
  const std::string parameters = R"({"type":"object","properties":{
      "default":{"$ref":"#/$defs/T"},"const":{"$ref":"#/definitions/T"},
      "enum":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["default"],
      "$defs":{"T":{"type":"boolean"}},"definitions":{"T":{"type":"integer"}}})";
  const auto request = forced({{"f", "", parameters}, {"g", "", ""}});
  ASSERT_TRUE(request.ok()) << request.error().describe();
  const json::value schema = json::parse(*request->generate.json_schema);
  const json::object& all = schema.at("$defs").as_object();
  const json::object& properties = all.at("tool0").at("properties").as_object();
  const auto type_of = [&](const char* name) {
    const std::string_view reference = properties.at(name).at("$ref").as_string();
    return all.at(reference.substr(std::string_view("#/$defs/").size())).at("type");
  };
  EXPECT_EQ(type_of("default"), "boolean");
  EXPECT_EQ(type_of("const"), "integer");
  EXPECT_EQ(properties.at("enum").at("anyOf").at(0).at("$ref"), "#/$defs/tool0");
}

TEST(ForceCall, ASchemaThatSaysNothingIsOneWithoutParameters) {
  const std::string none = R"({"type":"object","additionalProperties":false})";
  for (
      const char* schema :
      {"", "{}", R"({"type":"object"})", R"({"type":"object","properties":{}})",
       R"({"type":"object","properties":{},"required":[],"title":"T","additionalProperties":true})"})
    EXPECT_EQ(*forced({{"f", "", schema}})->generate.json_schema, none) << schema;
  for (const char* schema : {R"({"properties":{"a":{}}})", R"({"required":["a"]})",
                             R"({"additionalProperties":{"type":"integer"}})",
                             R"({"$ref":"#/$defs/A","$defs":{"A":{}}})"})
    EXPECT_NE(*forced({{"f", "", schema}})->generate.json_schema, none) << schema;
}

TEST(ForceCall, SeveralAreChosenByName) {
  const auto request = forced({{"get_time", "", kZone}, {"look", "Looks.", ""}});
  ASSERT_TRUE(request.ok()) << request.error().describe();
  const json::value schema = json::parse(*request->generate.json_schema);
  EXPECT_EQ(schema.at("anyOf").as_array().size(), 2u);
  EXPECT_NE(told(request).find("\nlook: Looks."), std::string::npos);
  EXPECT_NE(told(request).find("\nget_time\nparameters: "), std::string::npos);
}

TEST(ForceCall, EachKeepsItsOwnDefinitions) {
  const auto of = [](const std::string& type) {
    return R"({"type":"object","properties":{"a":{"$ref":"#/$defs/T"},"self":{"anyOf":[
        {"$ref":"#"},{"type":"null"}]},"text":{"const":"#/$defs/T"}},"required":["a"],
        "$defs":{"T":{"type":")" +
           type + R"("}}})";
  };
  const auto request = forced({{"one", "", of("string")}, {"two", "", of("integer")}});
  ASSERT_TRUE(request.ok()) << request.error().describe();
  const json::value schema = json::parse(*request->generate.json_schema);
  const json::object& all = schema.at("$defs").as_object();
  EXPECT_EQ(all.at("tool0.T").at("type"), "string");
  EXPECT_EQ(all.at("tool1.T").at("type"), "integer");
  const json::value& properties = all.at("tool1").at("properties");
  EXPECT_EQ(properties.at("a").at("$ref"), "#/$defs/tool1.T");
  EXPECT_EQ(properties.at("self").at("anyOf").at(0).at("$ref"), "#/$defs/tool1");
}

TEST(ForceCall, WhatIsToldIsBounded) {
  std::string properties;
  for (int i = 0; i < 100; ++i)
    properties += (i ? ",\"name_" : "\"name_") + std::to_string(i) + R"(":{"type":"string"})";
  const auto large = forced(
      {{"f", std::string(5000, 'd'), R"({"type":"object","properties":{)" + properties + "}}"}});
  EXPECT_LT(told(large).size(), 4000u);
  EXPECT_NE(told(large).find("\"name_99\""), std::string::npos) << "their names at least";
  std::vector<Offer> many;
  for (int i = 0; i < 60; ++i)
    many.push_back({"tool_" + std::to_string(i), std::string(900, 'd'), ""});
  EXPECT_LT(told(forced(many)).size(), 9000u);
  EXPECT_NE(told(forced(many)).find("\ntool_59"), std::string::npos) << "the names of all";
}

TEST(ForceCall, NothingEndsItInTheMiddle) {
  ChatRequest request;
  request.generate.messages.push_back({Role::kUser, {TextPart{"Hello"}}});
  request.generate.stop = {"arguments"};
  const OfferedTool tool{.name = "f", .description = "", .param = "tools[0].parameters"};
  ASSERT_TRUE(force_call({&tool, 1}, request).ok());
  EXPECT_TRUE(request.generate.stop.empty());
  EXPECT_EQ(request.without_effect, std::vector<std::string>{"stop"});
}

TEST(ForceCall, WhatCannotBeAsked) {
  for (const auto& [offers, param] : std::vector<std::pair<std::vector<Offer>, std::string>>{
           {{{"f", "", R"({"type":"string"})"}}, "tools[0].type"},
           {{{"f", "", ""}, {"f", "", ""}}, "tools[1].name"},
           {std::vector<Offer>(65, {"f", "", ""}), "tools"},
           {{{"f", "", ""}, {"g", "", R"({"properties":{"a":{"not":{}}}})"}},
            "tools[1].properties.a.not"},
       }) {
    const auto refused = forced(offers);
    ASSERT_FALSE(refused.ok()) << param;
    EXPECT_EQ(refused.error().param, param);
  }
}

}  // namespace
}  // namespace oc
