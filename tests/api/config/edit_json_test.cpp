#include "api/config/edit_json.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <random>

#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

std::string edited(std::string_view text, std::string_view changes) {
  const auto out = edit_json(text, json::parse(changes).as_object(), "mine.json");
  EXPECT_TRUE(out.ok()) << out.error().describe();
  return out.ok() ? *out : "";
}

TEST(EditJson, OnlyTheBytesOfWhatChangesAreOthers) {
  EXPECT_EQ(edited(R"({
    "generation_config": { "temperature": 0.70, "top_p":1e0 },
    "image_processing": {"size": [ 512,
                                   512 ]},
    "server" : {
        "port":8080,
        "host": "127.0.0.1"
    },
    "active_model": null
}
)",
                   R"({"server":{"port":9000},"active_model":"a\"b"})"),
            R"({
    "generation_config": { "temperature": 0.70, "top_p":1e0 },
    "image_processing": {"size": [ 512,
                                   512 ]},
    "server" : {
        "port":9000,
        "host": "127.0.0.1"
    },
    "active_model": "a\"b"
}
)");
}

TEST(EditJson, NewMembersLookAsTheOnesBesideThem) {
  EXPECT_EQ(edited("{\n  \"a\": 1,\n  \"s\": {\n    \"x\": 1\n  }\n}",
                   R"({"s":{"y":2},"f":{"w":3,"h":4},"b":"c"})"),
            "{\n  \"a\": 1,\n  \"s\": {\n    \"x\": 1,\n    \"y\": 2\n  },\n"
            "  \"f\": {\n    \"w\": 3,\n    \"h\": 4\n  },\n  \"b\": \"c\"\n}");
  // Tabs, and lines that end as on Windows.
  EXPECT_EQ(edited("{\r\n\t\"s\": {}\r\n}\r\n", R"({"s":{"p":1},"f":{"w":3}})"),
            "{\r\n\t\"s\": {\r\n\t\t\"p\": 1\r\n\t},\r\n"
            "\t\"f\": {\r\n\t\t\"w\": 3\r\n\t}\r\n}\r\n");
  // All in one line.
  EXPECT_EQ(edited(R"({"a":1})", R"({"f":{"w":3,"h":4}})"), R"({"a":1,"f":{"w":3,"h":4}})");
  EXPECT_EQ(edited(R"({"a": 1})", R"({"b":2})"), R"({"a": 1, "b": 2})");
  EXPECT_EQ(edited(R"({ "a": 1, "c": [1] })", R"({"f":{"w":3,"h":4}})"),
            R"({ "a": 1, "c": [1], "f": { "w": 3, "h": 4 } })");
  EXPECT_EQ(edited("{\n  \"s\": {\"x\": 1}\n}", R"({"s":{"y":2}})"),
            "{\n  \"s\": {\"x\": 1, \"y\": 2}\n}");
  // A comma at the beginning of a line.
  EXPECT_EQ(edited("{ \"a\": 1\n, \"b\": 2\n}", R"({"c":3})"),
            "{ \"a\": 1\n, \"b\": 2\n, \"c\": 3\n}");
  EXPECT_EQ(json::parse(edited("{\n  \"a\": 1\n , \"b\": 2\n}", R"({"c":{"d":3}})")),
            json::parse(R"({"a":1,"b":2,"c":{"d":3}})"));
  // Nothing to look at.
  EXPECT_EQ(edited("{}", R"({"f":{"w":3}})"), "{\n  \"f\": {\n    \"w\": 3\n  }\n}");
}

TEST(EditJson, ByteOrderMarkAndSpaceAroundStay) {
  EXPECT_EQ(edited("\xEF\xBB\xBF \n{\"a\":1}\n\n", R"({"a":2})"), "\xEF\xBB\xBF \n{\"a\":2}\n\n");
}

TEST(EditJson, AValueThatIsTheSameKeepsItsNotation) {
  const std::string text = R"({"port": 8.08E3, "host": "\u0061", "s": {"x": [1, 2]}})";
  EXPECT_EQ(edited(text, R"({"port":8080,"host":"a","s":{"x":[1,2]}})"), text);
  EXPECT_EQ(edited(text, "{}"), text);
}

TEST(EditJson, TheMemberThatCountsIsChanged) {
  EXPECT_EQ(edited(R"({"a":1,"a":2,"\u0061b":3})", R"({"a":4,"ab":5})"),
            R"({"a":1,"a":4,"\u0061b":5})");
  EXPECT_EQ(edited(R"({"server": 7})", R"({"server":{"port":1}})"), R"({"server": {"port": 1}})");
  // What looks like structure inside of texts.
  EXPECT_EQ(edited(R"({"x": "}\",{[\\", "y": [{"a": "]"}, {}], "a": 1})", R"({"a":2})"),
            R"({"x": "}\",{[\\", "y": [{"a": "]"}, {}], "a": 2})");
}

TEST(EditJson, TheResultSaysWhatWasAskedFor) {
  const std::string_view changes =
      R"({"server":{"port":1,"host":"h"},"frontend":{"w":0.7},"m":"x"})";
  for (const std::string_view text :
       {"{}", "{ }", "{\n}", "{\"server\":{}}", "{\"server\":{ \n }}", "{\"server\":null,\"m\":[]}",
        "{\"m\":{\"n\":1}\n}", "\t{\"z\":0\n\n,\"server\":\n{\"host\":\"\"}}",
        "{\"frontend\":[{}]}", "{\r\n\"a\":1\r\n}"}) {
    json::object expected = json::parse(text).as_object();
    const json::object wanted = json::parse(changes).as_object();
    for (const auto& [key, value] : wanted) {
      json::value& place = expected[key];
      if (!place.is_object() || !value.is_object()) {
        place = value;
        continue;
      }
      for (const auto& [inner, one] : value.get_object()) place.get_object()[inner] = one;
    }
    EXPECT_EQ(json::parse(edited(text, changes)), json::value(expected)) << text;
    EXPECT_EQ(edited(edited(text, changes), changes), edited(text, changes)) << "once is enough";
  }
}

// Documents as nobody writes them: whatever stands between the values, only values change.
class Scribbler {
 public:
  explicit Scribbler(unsigned seed) : random_(seed) {}

  std::string space() {
    std::string out;
    for (unsigned n = pick(4); n > 0 && pick(2) == 0; --n) out += " \t\r\n"[pick(4)];
    return out;
  }
  std::string object(int depth) {
    std::string out = "{";
    const unsigned count = pick(4);
    for (unsigned i = 0; i < count; ++i) {
      static constexpr std::string_view kNames[] = {"a", "b", "server", "\\u0061", "x\\\"{", ""};
      out += (i > 0 ? "," : "") + space() + '"' + std::string(kNames[pick(6)]) + '"' + space() +
             ':' + space() + value(depth) + space();
    }
    return out + space() + "}";
  }
  unsigned pick(unsigned of) { return static_cast<unsigned>(random_() % of); }

 private:
  std::string value(int depth) {
    static constexpr std::string_view kPlain[] = {"1",       "7E-1", "null", "true", "\"\"",
                                                  "\"},{\"", "[]",   "{}",   "-0.5"};
    if (depth > 0 && pick(3) == 0) return object(depth - 1);
    if (depth > 0 && pick(4) == 0) return "[" + value(depth - 1) + space() + "," + space() + "1]";
    return std::string(kPlain[pick(9)]);
  }

  std::mt19937 random_;
};

void merge(json::object& into, const json::object& changes) {
  for (const auto& [key, value] : changes) {
    json::value& place = into[key];
    if (place.is_object() && value.is_object())
      merge(place.get_object(), value.get_object());
    else
      place = value;
  }
}

TEST(EditJson, AnyDocumentAnyChange) {
  for (unsigned seed = 0; seed < 20'000; ++seed) {
    Scribbler scribbler(seed);
    const std::string text = scribbler.space() + scribbler.object(3) + scribbler.space();
    const json::object changes = json::parse(scribbler.object(2)).as_object();
    json::object expected = json::parse(text).as_object();
    merge(expected, changes);
    const auto out = edit_json(text, changes, "mine.json");
    ASSERT_TRUE(out.ok()) << text;
    ASSERT_EQ(json::parse(*out), json::value(expected)) << text << "\n" << json_text(changes);
  }
}

TEST(EditJson, WhatIsNoObjectIsAnError) {
  for (const std::string_view text : {"", "[]", "7", "{", "{\"a\":1}}", "{\"a\":1,}"}) {
    const auto out = edit_json(text, {{"a", 1}}, "mine.json");
    ASSERT_FALSE(out.ok()) << text;
    EXPECT_TRUE(out.error().message.starts_with("mine.json")) << out.error().message;
  }
}

}  // namespace
}  // namespace oc
