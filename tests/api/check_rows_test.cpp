#include "api/check_rows.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/json/parse.hpp>
#include <string>
#include <vector>

namespace oc {
namespace {

namespace json = boost::json;
using enum FieldType;
using namespace field_rows;

constexpr RequestField with_nothing(RequestField field, decltype(RequestField::nothing) nothing) {
  field.nothing = nothing;
  return field;
}

constexpr std::array kRows = {
    kept("model", kString, "which"),
    kept("options", kObject, "how"),
    no_effect("user", kString),
    with_nothing(no_effect("store", kBoolean), false),
    no_effect("trace"),
    refused("suffix", std::string_view("")),
    within("options.seed", kInteger, 0, 9, "seed"),
    with_nothing(within("options.threads", kInteger, 0, 9, "none"), 1.0),
    within("stop[]", kString, 0, 5, "one of them"),
};

struct Walked {
  std::string error;  // the param of
  std::vector<std::string> told;
  bool operator==(const Walked&) const = default;
};

Walked walk(const std::string& text, std::string_view prefix = "", KeptTo kept_to = nullptr,
            std::span<const std::string_view> more = {}) {
  std::array rows = kRows;
  rows[7].use = FieldUse::kNoEffect;
  const json::value value = json::parse(text);
  const JsonFields fields(value.get_object(), prefix.empty() ? "" : "options");
  Walked out;
  const auto result = check_rows(fields, rows, out.told, prefix, kept_to, more);
  if (!result.ok()) out.error = result.error().param;
  return out;
}

using Names = std::vector<std::string>;

TEST(CheckRows, WhatChangesNothingIsListedOnce) {
  EXPECT_EQ(walk(R"({"model":"m","user":"u","store":true,"trace":[5]})"),
            (Walked{"", Names{"user", "store", "trace"}}));
  EXPECT_EQ(walk(R"({"user":null,"store":false})"), Walked());
  EXPECT_EQ(walk(R"({"user":"me"})", "",
                 [](std::string_view key, const json::value& value) {
                   return key == "user" && value == "me";
                 }),
            Walked());
}

TEST(CheckRows, WhatIsWrongIsNamed) {
  EXPECT_EQ(walk(R"({"suffix":"x"})").error, "suffix");
  EXPECT_EQ(walk(R"({"suffix":""})").error, "");
  EXPECT_EQ(walk(R"({"user":5})").error, "user");
  EXPECT_EQ(walk(R"({"store":0})").error, "store");
  EXPECT_EQ(walk(R"({"modle":"m"})").error, "modle");
  EXPECT_EQ(walk(R"({"seed":1})").error, "seed") << "it stands in the options";
  EXPECT_EQ(walk(R"({"stop[]":"x"})").error, "stop[]");
}

TEST(CheckRows, RowsBelowAPrefix) {
  EXPECT_EQ(walk(R"({"seed":1,"threads":4})", "options."), (Walked{"", Names{"options.threads"}}));
  EXPECT_EQ(walk(R"({"threads":1})", "options."), Walked());
  EXPECT_EQ(walk(R"({"threads":10})", "options.").error, "options.threads");
  EXPECT_EQ(walk(R"({"model":"m"})", "options.").error, "options.model");
}

TEST(CheckRows, SomebodyElsesFieldsAreKnown) {
  const std::array<std::string_view, 1> more = {"knob"};
  EXPECT_EQ(walk(R"({"knob":1})", "", nullptr, more), Walked());
  EXPECT_EQ(walk(R"({"knob":1})").error, "knob");
}

}  // namespace
}  // namespace oc
