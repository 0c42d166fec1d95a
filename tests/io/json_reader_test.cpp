// Every reader of a file: values, sections, elements, and what is wrong by its place.
#include <boost/json/parse.hpp>

#include "io/json.h"
#include "tests/io/fixtures.h"

namespace oc {
namespace {

using test::error_of;
using test::has;

class JsonReaderTest : public testing::Test {
 protected:
  boost::json::object object_ = boost::json::parse(R"({
      "whole": 7, "negative": -7, "big": 18446744073709551615, "part": 0.5, "text": "abc",
      "yes": true, "nothing": null, "list": [1, 2.5, -3], "mixed": [1, "two", 3],
      "endless": 1e999, "far": [0, -1e999],
      "inner": {"text": 5, "deep": {"whole": "x"}}})")
                                    .as_object();
  JsonReader reader_{object_, "config.json"};
};

TEST_F(JsonReaderTest, GivesWhatIsThere) {
  EXPECT_EQ(*reader_.integer("whole", 0, 10), 7);
  EXPECT_EQ(*reader_.integer("negative", -7, -7), -7);
  EXPECT_EQ(*reader_.number("part"), 0.5);
  EXPECT_EQ(*reader_.number("whole"), 7.0) << "a whole number is a number";
  EXPECT_EQ(*reader_.string("text"), "abc");
  EXPECT_TRUE(*reader_.boolean("yes"));
  EXPECT_EQ(*reader_.numbers("list", 3), (std::vector<double>{1, 2.5, -3}));
  EXPECT_EQ(*reader_.object("inner")->integer("text", 0, 9), 5);
  EXPECT_TRUE(reader_.has("yes"));
  EXPECT_FALSE(reader_.has("none"));
  EXPECT_FALSE(reader_.has("nothing")) << "null is absent";
}

TEST_F(JsonReaderTest, AnAbsentFieldIsNamed) {
  for (const char* key : {"none", "nothing"}) {
    const Error errors[] = {error_of(reader_.integer(key, 0, 1)), error_of(reader_.number(key)),
                            error_of(reader_.string(key)),        error_of(reader_.boolean(key)),
                            error_of(reader_.numbers(key, 2)),    error_of(reader_.object(key))};
    for (const Error& error : errors) {
      EXPECT_EQ(error.code, ErrorCode::kCorrupt);
      EXPECT_EQ(error.message, std::string("config.json: \"") + key + "\" is missing");
      EXPECT_NE(error.hint, "");
    }
  }
}

TEST_F(JsonReaderTest, AWrongTypeIsShown) {
  const std::pair<Error, std::string> cases[] = {
      {error_of(reader_.integer("text", 1, 9)),
       R"("text" must be an integer from 1 to 9, found "abc")"},
      {error_of(reader_.integer("whole", 1, 6)),
       R"("whole" must be an integer from 1 to 6, found 7)"},
      {error_of(reader_.integer("negative", 0, 6)),
       R"("negative" must be an integer from 0 to 6, found -7)"},
      {error_of(reader_.integer("big", 1, 6)),
       R"("big" must be an integer from 1 to 6, found 18446744073709551615)"},
      {error_of(reader_.integer("part", 0, 6)),
       R"("part" must be an integer from 0 to 6, found 0.5)"},
      {error_of(reader_.integer("yes", 0, 6)),
       R"("yes" must be an integer from 0 to 6, found true)"},
      {error_of(reader_.number("text")), R"("text" must be a number, found "abc")"},
      {error_of(reader_.number("endless")), R"("endless" must be a number, found 1e99999)"},
      {error_of(reader_.numbers("far", 2)), R"("far" must be a list of 2 numbers, found -1e99999)"},
      {error_of(reader_.string("whole")), R"("whole" must be a string, found 7)"},
      {error_of(reader_.string("list")), R"("list" must be a string, found an array of 3)"},
      {error_of(reader_.boolean("whole")), R"("whole" must be true or false, found 7)"},
      {error_of(reader_.boolean("inner")),
       R"("inner" must be true or false, found an object of 2)"},
      {error_of(reader_.object("list")), R"("list" must be an object, found an array of 3)"},
      {error_of(reader_.numbers("whole", 2)), R"("whole" must be a list of 2 numbers, found 7)"},
      {error_of(reader_.numbers("list", 2)), R"("list" must be a list of 2 numbers, found 3)"},
      {error_of(reader_.numbers("mixed", 3)),
       R"("mixed" must be a list of 3 numbers, found "two")"}};
  for (const auto& [error, text] : cases) {
    EXPECT_EQ(error.code, ErrorCode::kCorrupt);
    EXPECT_EQ(error.message, "config.json: " + text);
  }
}

TEST_F(JsonReaderTest, InnerObjectsNameTheirPath) {
  const auto inner = reader_.object("inner");
  ASSERT_TRUE(inner.ok());
  EXPECT_EQ(error_of(inner->string("none")).message, "config.json: inner: \"none\" is missing");
  const auto deep = inner->object("deep");
  ASSERT_TRUE(deep.ok());
  EXPECT_EQ(error_of(deep->number("whole")).message,
            "config.json: inner: deep: \"whole\" must be a number, found \"x\"");
}

TEST_F(JsonReaderTest, DefaultsHoldOnlyForWhatIsAbsent) {
  EXPECT_EQ(*reader_.integer_or("none", 5, 0, 9), 5);
  EXPECT_EQ(*reader_.integer_or("nothing", 5, 0, 9), 5);
  EXPECT_EQ(*reader_.integer_or("whole", 5, 0, 9), 7);
  EXPECT_EQ(*reader_.number_or("none", 1.5), 1.5);
  EXPECT_EQ(*reader_.number_or("part", 1.5), 0.5);
  EXPECT_EQ(*reader_.string_or("none", "else"), "else");
  EXPECT_EQ(*reader_.string_or("text", "else"), "abc");
  EXPECT_FALSE(*reader_.boolean_or("none", false));
  EXPECT_TRUE(*reader_.boolean_or("yes", false));
  EXPECT_FALSE(reader_.integer_or("text", 5, 0, 9).ok()) << "wrong is not absent";
  EXPECT_FALSE(reader_.number_or("text", 5).ok());
  EXPECT_FALSE(reader_.string_or("whole", "").ok());
  EXPECT_FALSE(reader_.boolean_or("whole", true).ok());
}

// What stands in the file comes back on one short line.
TEST_F(JsonReaderTest, ValuesInMessagesAreShortAndEscaped) {
  object_["text"] = "a\nb\x1b[2J";
  EXPECT_TRUE(has(error_of(reader_.number("text")).message, R"(found "a\nb\u001b[2J")"));
  for (int lead = 0; lead < 3; ++lead) {  // the cut falls inside a character of three bytes
    std::string text(static_cast<std::size_t>(lead), 'x');
    for (int i = 0; i < 1000; ++i) text += "你";
    object_["text"] = text;
    const Error error = error_of(reader_.number("text"));
    EXPECT_LT(error.message.size(), 120u);
    EXPECT_TRUE(error.message.ends_with("你…")) << error.message;
  }
}

// The same from value to value: elements and members of members.
TEST(JsonReader, PathsLeadThroughArrays) {
  const auto value = boost::json::parse(
      R"({"model": {"merges": ["a b", ["c", 5]], "vocab": {"\n\u001b[2J": null}}, "top": 1.5})");
  const JsonReader root(value, "t.json", "another hint");
  const auto merges = root.at("model")->at("merges");
  EXPECT_EQ(*merges->element(0).string(), "a b");
  const Error error = error_of(merges->element(1).element(1).string());
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_EQ(error.message, R"(t.json: "model.merges[1][1]" must be a string, found 5)");
  EXPECT_EQ(error.hint, "another hint");
  EXPECT_EQ(error_of(merges->object()).message,
            R"(t.json: "model.merges" must be an object, found an array of 2)");
  EXPECT_EQ(error_of(root.at("model")->array()).message,
            R"(t.json: "model" must be an array, found an object of 2)");
  EXPECT_EQ(error_of(root.at("model")->at("none")).message, R"(t.json: "model.none" is missing)");
  EXPECT_TRUE(root.find("none")->is_null());
  EXPECT_EQ(*root.at("top")->number(), 1.5);
  // Null is there for at(), and no value of a member.
  const auto vocab = *root.at("model")->at("vocab");
  EXPECT_TRUE(vocab.at("\n\x1b[2J")->is_null());
  EXPECT_EQ(error_of(vocab.integer("\n\x1b[2J", 0, 1)).message,
            R"(t.json: "model.vocab.\x0A\x1B[2J" is missing)");
  EXPECT_EQ(error_of(JsonReader(value.at("top"), "t.json").object()).message,
            "t.json: must be an object, found 1.5");
}

TEST(JsonReader, ObjectsOfAnArray) {
  const auto value =
      boost::json::parse(R"({"files": [{"size": 1}, {"size": -1}], "odd": [{}, 7]})");
  const JsonReader root(value, "m.json");
  const auto files = root.objects("files");
  ASSERT_TRUE(files.ok());
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ(*files->at(0).integer("size", 0, 9), 1);
  EXPECT_EQ(error_of(files->at(1).integer("size", 0, 9)).message,
            R"(m.json: "files[1].size" must be an integer from 0 to 9, found -1)");
  EXPECT_EQ(error_of(root.objects("odd")).message,
            R"(m.json: "odd[1]" must be an object, found 7)");
  EXPECT_EQ(error_of(root.objects("none")).message, R"(m.json: "none" is missing)");
}

}  // namespace
}  // namespace oc
