#include "io/json_text.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <limits>
#include <string>

namespace oc {
namespace {

namespace json = boost::json;

TEST(JsonText, NumbersInTheirUsualForm) {
  const json::value value = {{"a", 0.7}, {"b", {1.0, 0.00025, 1e300}}, {"c", 3}, {"d", -0.125}};
  EXPECT_EQ(json_text(value), R"({"a":0.7,"b":[1.0,0.00025,1e300],"c":3,"d":-0.125})");
}

TEST(JsonText, EverythingElseAsTheLibraryWritesIt) {
  std::string bytes;
  for (int c = 0; c < 128; ++c) bytes += static_cast<char>(c);
  bytes += "é€😀";
  const json::value value = {{bytes, bytes},
                             {"", nullptr},
                             {"bools", {true, false}},
                             {"integers",
                              {0, -1, std::numeric_limits<std::int64_t>::min(),
                               std::numeric_limits<std::uint64_t>::max()}},
                             {"empty", {json::object(), json::array(), json::string()}}};
  EXPECT_EQ(json_text(value), json::serialize(value));
  EXPECT_EQ(json_text(value.as_object()), json::serialize(value));
  EXPECT_EQ(json_text(value.at("integers").as_array()), json::serialize(value.at("integers")));
  EXPECT_EQ(json_quoted(bytes), json::serialize(json::string(bytes)));
}

TEST(JsonText, ReadsBackAsTheSameValue) {
  const json::value value = {{"doubles", {0.0, 1.0, 1e-7, 1e16, 123456.789, -5e-324}},
                             {"nested", {{"list", {1, 2.0, "3"}}}}};
  const json::value back = json::parse(json_text(value));
  EXPECT_EQ(back, value);
  for (const json::value& one : back.at("doubles").as_array()) EXPECT_TRUE(one.is_double());
}

TEST(JsonText, CompactedKeepsEveryDigit) {
  EXPECT_EQ(compact_json(" { \"a b\\\" c\" : [ 1.10 ,\n 12345678901234567890123 ] }\r\n"),
            R"({"a b\" c":[1.10,12345678901234567890123]})");
}

}  // namespace
}  // namespace oc
