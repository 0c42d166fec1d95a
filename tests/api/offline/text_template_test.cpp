#include "api/offline/text_template.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

std::string filled(std::string_view text) {
  const auto parsed = TextTemplate::parse(text);
  if (!parsed.ok()) return "wrong: " + parsed.error().message;
  const auto out = parsed->fill([](std::string_view name) -> std::optional<std::string> {
    if (name == "name") return "a{b}.jpg";
    return std::nullopt;
  });
  return out.ok() ? *out : "missing: " + out.error().message;
}

TEST(TextTemplate, ValuesAndBraces) {
  EXPECT_EQ(filled("What is in {name}?"), "What is in a{b}.jpg?");
  EXPECT_EQ(filled("{name}{name}"), "a{b}.jpga{b}.jpg");
  EXPECT_EQ(filled("{{name}} {{{name}}}"), "{name} {a{b}.jpg}");
  EXPECT_EQ(filled(""), "");
  EXPECT_EQ(filled("plain"), "plain");
}

TEST(TextTemplate, WhatIsWrong) {
  EXPECT_EQ(filled("{other}"), "missing: there is no {other}");
  for (const std::string_view text : {"{name", "name}", "{}", "a { b"})
    EXPECT_TRUE(filled(text).starts_with("wrong: ")) << text;
}

TEST(TextTemplate, NamesItsPlaces) {
  EXPECT_EQ(TextTemplate::parse("{b} and {a}, {{c}}, {b}")->names(),
            (std::vector<std::string>{"b", "a", "b"}));
  EXPECT_TRUE(TextTemplate::parse("plain")->names().empty());
}

}  // namespace
}  // namespace oc
