// Frames of a video in a message; the rest of messages is in chat_request_test.cpp.
#include "api/openai/messages.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <tuple>

#include "api/openai/chat_request.h"

namespace oc {
namespace {

Result<ChatRequest> parse(const std::string& body) { return parse_chat_request(body, {}); }
Result<ChatRequest> with_content(const std::string& content) {
  return parse(R"({"messages":[{"role":"user","content":)" + content + "}]}");
}
// "param: message (hint)" of a request that must fail.
std::string error_of(const Result<ChatRequest>& result) {
  if (result.ok()) return "no error";
  return result.error().param + ": " + result.error().describe();
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(VideoFramesPart, FramesOfAVideo) {
  auto result = with_content(R"([
      {"type":"image_url","image_url":{"url":"data:image/png;base64,Zm9v"}},
      {"type":"video_frames","frames":["data:image/png;base64,YmFy","data:image/png;base64,Zm9v"],
       "fps":0.5,"id":"v"},
      {"type":"video_frames","frames":["data:image/png;base64,YmFy"]},
      {"type":"text","text":"What happens?"}])");
  ASSERT_TRUE(result.ok()) << error_of(result);
  ASSERT_EQ(result->images.size(), 4u);
  EXPECT_EQ(result->images[2].param, "messages[0].content[1].frames[1]");
  EXPECT_EQ(result->without_effect, std::vector<std::string>{"messages[].content[].id"});
  const auto& parts = result->generate.messages[0].parts;
  const auto& first = std::get<FramesPart>(parts[1]);
  EXPECT_EQ((std::tuple{first.first, first.count, first.fps}), (std::tuple{1, 2, 0.5}));
  const auto& second = std::get<FramesPart>(parts[2]);
  EXPECT_EQ((std::tuple{second.first, second.count, second.fps}), (std::tuple{3, 1, 1.0}));
}

TEST(VideoFramesPart, FramesThatAreNone) {
  const std::string url = R"("data:image/png;base64,Zm9v")";
  const auto error = [&](const std::string& fields) {
    return error_of(with_content(R"([{"type":"video_frames")" + fields + "}]"));
  };
  const std::string frames = R"(,"frames":[)" + url + "]";
  EXPECT_EQ(error(frames), "no error");
  EXPECT_TRUE(has(error(""),
                  "messages[0].content[0].frames: \"messages[0].content[0].frames\" is "
                  "missing"));
  EXPECT_TRUE(has(error(R"(,"frames":[])"), "is empty"));
  EXPECT_TRUE(has(error(R"(,"frames":)" + url), "must be an array"));
  EXPECT_TRUE(has(error(R"(,"frames":[)" + url + ",7]"), "messages[0].content[0].frames[1]"));
  EXPECT_TRUE(has(error(R"(,"frames":["http://x/y.png"])"), "messages[0].content[0].frames[0]"));
  for (const char* fps : {"0", "-1", "0.0001", "1001", "\"1\"", "true"})
    EXPECT_TRUE(has(error(frames + ",\"fps\":" + fps), "messages[0].content[0].fps")) << fps;
  EXPECT_EQ(error(frames + ",\"fps\":null"), "no error");
  EXPECT_TRUE(has(error(frames + R"(,"num_crops":2)"), "messages[0].content[0].num_crops"));
  EXPECT_TRUE(
      has(error_of(parse(R"({"messages":[{"role":"system","content":[{"type":"video_frames")" +
                         frames + R"(}]},{"role":"user","content":"x"}]})")),
          "user messages"));
}

TEST(VideoFramesPart, FramesHaveABoundOfTheirOwn) {
  ChatLimits few;
  few.max_images = 1;
  few.max_frames = 3;
  const std::string url = R"("data:image/png;base64,Zm9v")";
  const std::string picture = R"({"type":"image_url","image_url":{"url":)" + url + "}},";
  const auto frames = [&](int count) {
    std::string all = url;
    for (int i = 1; i < count; ++i) all += "," + url;
    return R"({"type":"video_frames","frames":[)" + all + "]}";
  };
  const auto error = [&](const std::string& content) {
    return error_of(
        parse_chat_request(R"({"messages":[{"role":"user","content":[)" + content + "]}]}", few));
  };
  EXPECT_EQ(error(picture + frames(3)), "no error");
  EXPECT_EQ(error(picture + frames(2) + "," + frames(1)), "no error");
  EXPECT_TRUE(has(error(picture + frames(4)), "more than 3 frames"));
  EXPECT_TRUE(
      has(error(frames(2) + "," + frames(2)), "messages[0].content[1].frames: more than 3"));
  EXPECT_TRUE(has(error(picture + picture + frames(1)), "more than 1 pictures"));
}

}  // namespace
}  // namespace oc
