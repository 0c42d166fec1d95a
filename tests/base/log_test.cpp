#include "base/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <regex>

// A value that counts how often it is formatted.
struct Counted {
  int* formatted;
};
template <>
struct fmt::formatter<Counted> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const Counted& value, Context& context) const {
    ++*value.formatted;
    return fmt::formatter<std::string_view>::format("x", context);
  }
};

namespace oc {
namespace {

using namespace std::string_literals;
using log::Format;
using log::Level;

class LogTest : public testing::Test {
 protected:
  void SetUp() override { log::configure(Level::kInfo, Format::kText); }
  void TearDown() override { log::configure(Level::kInfo, Format::kText); }

  // What an event leaves on stderr, without the time.
  static std::string line(Level level, std::initializer_list<log::Field> fields,
                          std::string_view request_id = {}) {
    testing::internal::CaptureStderr();
    log::event(level, "done", fields, request_id);
    std::string text = testing::internal::GetCapturedStderr();
    return std::regex_replace(text, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"),
                              "TIME");
  }
  static std::string line(std::initializer_list<log::Field> fields,
                          std::string_view request_id = {}) {
    return line(Level::kInfo, fields, request_id);
  }
};

TEST_F(LogTest, AnEventOfSeveralWordsStandsInQuotes) {
  testing::internal::CaptureStderr();
  log::event(Level::kInfo, "not fetched", {{"host", "a.example"}});
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(text.ends_with(" info event=\"not fetched\" host=a.example\n")) << text;
}

TEST_F(LogTest, OneLineAnEventRequestFirst) {
  EXPECT_EQ(line({{"prompt", 812}, {"tok_s", 11.5}, {"model", "org/a-b_c.d"}}, "7f3a"),
            "TIME info req=7f3a event=done prompt=812 tok_s=11.5 model=org/a-b_c.d\n");
  EXPECT_EQ(line({}), "TIME info event=done\n");
}

TEST_F(LogTest, JsonHasTheSameFields) {
  log::configure(Level::kInfo, Format::kJson);
  EXPECT_EQ(line({{"prompt", 812}, {"said", "a \"b\"\\\n"}}, "7f3a"),
            R"({"time":"TIME","level":"info","req":"7f3a","event":"done","prompt":812,)"
            R"("said":"a \"b\"\\\n"})"
            "\n");
  EXPECT_EQ(line({{"hit", true},
                  {"id", "812"},
                  log::rounded("ms", 1234.56, 1),
                  log::rounded("s", 2, 0),
                  {"share", 0.5}}),
            R"({"time":"TIME","level":"info","event":"done","hit":true,"id":"812","ms":1234.6,)"
            R"("s":2,"share":0.5})"
            "\n");
  // JSON has no such numbers.
  EXPECT_EQ(line({{"none", std::nan("")}, log::rounded("all", HUGE_VAL, 1)}),
            R"({"time":"TIME","level":"info","event":"done","none":"nan","all":"inf"})"
            "\n");
  EXPECT_EQ(line({}), "{\"time\":\"TIME\",\"level\":\"info\",\"event\":\"done\"}\n");
}

TEST_F(LogTest, NothingThatAClientSendsForgesALine) {
  EXPECT_EQ(line({{"path", "/x\nTIME info req=1 event=done"}}),
            "TIME info event=done path=\"/x\\nTIME info req=1 event=done\"\n");
  EXPECT_EQ(line({{"path", "/x event=fake"}}), "TIME info event=done path=\"/x event=fake\"\n");
  EXPECT_EQ(line({{"path", "\" event=\"fake"}}),
            "TIME info event=done path=\"\\\" event=\\\"fake\"\n");
  EXPECT_EQ(line({{"path", "a=b"}}), "TIME info event=done path=\"a=b\"\n");
  EXPECT_EQ(line({}, "1\nevent=fake"), "TIME info req=\"1\\nevent=fake\" event=done\n");
  EXPECT_EQ(line({{"empty", ""}}), "TIME info event=done empty=\"\"\n");
}

TEST_F(LogTest, BracesAreText) {
  EXPECT_EQ(line({{"a", "{}{0}%n"}}, "{}"), "TIME info req=\"{}\" event=done a=\"{}{0}%n\"\n");
}

TEST_F(LogTest, ControlCharactersAreEscaped) {
  for (const Format format : {Format::kText, Format::kJson}) {
    log::configure(Level::kInfo, format);
    std::string all;
    for (int c = 0; c < 0x20; ++c) all += static_cast<char>(c);
    all += '\x7f';
    all += "\u0080\u0085\u009b\u009f";  // C1: U+009B is what ESC [ is to a terminal
    all += "\u2028\u2029\u202e\u2066";  // other line ends, and what turns the direction of a line
    const std::string text = line({{"value", all}}, all);
    EXPECT_EQ(std::ranges::count(text, '\n'), 1);
    for (const char c : text.substr(0, text.size() - 1)) {
      EXPECT_GE(c, 0x20) << "byte " << static_cast<int>(static_cast<unsigned char>(c));
      EXPECT_NE(c, 0x7f);
    }
    EXPECT_NE(text.find("\\u0000\\u0001"), std::string::npos) << text;
    EXPECT_NE(text.find("\\u0009\\n\\u000b\\u000c\\u000d"), std::string::npos) << text;
    EXPECT_NE(text.find("\\u001b"), std::string::npos) << text;
    EXPECT_NE(text.find("\\u007f\\u0080\\u0085\\u009b\\u009f\\u2028\\u2029\\u202e\\u2066"),
              std::string::npos)
        << text;
  }
}

TEST_F(LogTest, OtherTextStaysReadable) {
  EXPECT_EQ(line({{"name", "Öl 你好 🦙 \u00a0\u2027\u202f"}}),
            "TIME info event=done name=\"Öl 你好 🦙 \u00a0\u2027\u202f\"\n");
}

// A JSON line must be JSON, also when a client sends bytes that are no text.
TEST_F(LogTest, BytesThatAreNoTextAreReplaced) {
  for (const Format format : {Format::kText, Format::kJson}) {
    log::configure(Level::kInfo, format);
    const struct {
      std::string bytes, written;
    } cases[] = {{"\x80", "\\ufffd"},
                 {"a\xff"s + "b", "a\\ufffdb"},
                 {"\xc3", "\\ufffd"},
                 {"\xc3(", "\\ufffd("},
                 {"\xc0\xaf", "\\ufffd\\ufffd"},                        // overlong
                 {"\xe0\x80\xaf", "\\ufffd\\ufffd\\ufffd"},             // overlong
                 {"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},             // a surrogate
                 {"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},  // past the last one
                 {"\xf0\x9f\xa6", "\\ufffd\\ufffd\\ufffd"},             // cut off
                 {"\xf0\x9f\xa6\x99\xbf", "🦙\\ufffd"}};
    for (const auto& c : cases) {
      const std::string text = line({{"value", c.bytes}});
      EXPECT_NE(text.find('"' + c.written + '"'), std::string::npos) << text;
    }
  }
}

TEST_F(LogTest, StepsAreFormattedOnlyWhereTheyAreWanted) {
  int formatted = 0;
  testing::internal::CaptureStderr();
  log::step("tiles", "7f3a", "what", Counted{&formatted});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(formatted, 0);
  log::configure(Level::kDebug, Format::kText);
  testing::internal::CaptureStderr();
  log::step("tiles", "7f3a", "what", Counted{&formatted}, "picture", 0, "ms", 12.345);
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find(" debug req=7f3a event=tiles what=x picture=0 ms=12.3\n"), std::string::npos)
      << text;
  EXPECT_EQ(formatted, 1);
}

TEST_F(LogTest, QuietLevelsSayNothing) {
  EXPECT_EQ(line(Level::kDebug, {}), "");
  EXPECT_FALSE(log::enabled(Level::kDebug));
  EXPECT_EQ(line(Level::kWarning, {}), "TIME warning event=done\n");
  log::configure(Level::kError, Format::kText);
  EXPECT_EQ(line(Level::kWarning, {}), "");
  EXPECT_EQ(line(Level::kError, {}), "TIME error event=done\n");
  log::configure(Level::kOff, Format::kText);
  EXPECT_EQ(line(Level::kError, {}), "");
  log::configure(Level::kDebug, Format::kText);
  EXPECT_EQ(line(Level::kDebug, {}), "TIME debug event=done\n");
}

TEST_F(LogTest, LevelsByName) {
  const struct {
    std::string_view name;
    Level level;
  } cases[] = {{"debug", Level::kDebug},  {"INFO", Level::kInfo},   {"Warning", Level::kWarning},
               {"warn", Level::kWarning}, {"ERROR", Level::kError}, {"off", Level::kOff}};
  for (const auto& c : cases) {
    Level level = c.level == Level::kOff ? Level::kInfo : Level::kOff;
    EXPECT_TRUE(log::level_from_string(c.name, &level)) << c.name;
    EXPECT_EQ(level, c.level) << c.name;
  }
  for (const std::string_view name : {"", "verbose", "inf", "info "}) {
    Level level = Level::kError;
    EXPECT_FALSE(log::level_from_string(name, &level)) << name;
    EXPECT_EQ(level, Level::kError) << "left as it was";
  }
}

TEST_F(LogTest, TheEnvironmentSetsTheLevel) {
  const char* before = std::getenv("LOG_LEVEL");
  const std::string saved = before != nullptr ? before : "";
  setenv("LOG_LEVEL", "ERROR", 1);
  log::configure_from_environment();
  EXPECT_FALSE(log::enabled(Level::kWarning));
  setenv("LOG_LEVEL", "nonsense", 1);
  log::configure_from_environment();
  EXPECT_TRUE(log::enabled(Level::kInfo)) << "the default holds";
  EXPECT_FALSE(log::enabled(Level::kDebug));
  before != nullptr ? setenv("LOG_LEVEL", saved.c_str(), 1) : unsetenv("LOG_LEVEL");
}

}  // namespace
}  // namespace oc
