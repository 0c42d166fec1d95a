#include "api/request_defaults.h"

#include <gtest/gtest.h>

#include "api/openai/chat_request.h"
#include "api/served_model.h"

namespace oc {
namespace {

ChatRequest parse(const std::string& more, const RequestDefaults& defaults = {},
                  const std::string& question = "Hello") {
  auto request = parse_chat_request(
      R"({"messages": [{"role": "user", "content": ")" + question + R"("}])" + more + "}", {});
  EXPECT_TRUE(request.ok());
  ServedModel model;
  model.defaults = defaults;
  EXPECT_TRUE(complete_request(*request, model).ok());
  return std::move(*request);
}

TEST(RequestDefaults, TheRequestsOwnValuesWin) {
  RequestDefaults defaults;
  defaults.sampling.temperature = 0.5;
  defaults.sampling.top_p = 0.9;
  defaults.sampling.repetition_penalty = 1.2;
  const SamplingParams plain = parse("", defaults).generate.sampling;
  EXPECT_EQ(plain.temperature, 0.5);
  EXPECT_EQ(plain.top_p, 0.9);
  EXPECT_EQ(plain.repetition_penalty, 1.2);
  const SamplingParams given =
      parse(R"(, "temperature": 0, "repetition_penalty": 1)", defaults).generate.sampling;
  EXPECT_EQ(given.temperature, 0);
  EXPECT_EQ(given.top_p, 0.9);
  EXPECT_EQ(given.repetition_penalty, 1);
}

TEST(RequestDefaults, TheCapBoundsMaxTokens) {
  RequestDefaults defaults;
  defaults.max_tokens_cap = 150;
  EXPECT_EQ(parse(R"(, "max_tokens": 300)", defaults).generate.max_tokens, 150);
  EXPECT_EQ(parse(R"(, "max_tokens": 20)", defaults).generate.max_tokens, 20);
  EXPECT_FALSE(parse("", defaults).generate.max_tokens);  // the service's default is for that
}

TEST(RequestDefaults, StopsAreAddedOnce) {
  RequestDefaults defaults;
  defaults.stop = {"<|end|>", "x"};
  EXPECT_EQ(parse(R"(, "stop": ["x", "y"])", defaults).generate.stop,
            (std::vector<std::string>{"x", "y", "<|end|>"}));
}

TEST(RequestDefaults, TheImageTokenIsTakenOut) {
  RequestDefaults defaults;
  defaults.image_token = "<|image_1|>";
  const auto text = [&](const std::string& question) {
    return std::get<TextPart>(parse("", defaults, question).generate.messages[0].parts[0]).text;
  };
  EXPECT_EQ(text(R"(<|image_1|>\nWhat?)"), "What?");
  EXPECT_EQ(text(R"(a <|image_1|>b<|image_1|>\n\nc)"), "a b\nc");
  EXPECT_EQ(text("<|image_2|> stays"), "<|image_2|> stays");
  EXPECT_EQ(text("<|image_1|><|image_1|>"), "");
}

TEST(RequestDefaults, KnobsThatTheModelHas) {
  ServedModel model;
  model.knobs = {{.name = "num_crops", .min = 1, .max = 16, .fallback = 4}};
  model.defaults.knobs = {{"num_crops", 64}, {"longest_edge", 512}};
  const auto knobs = [&](const std::string& more) {
    auto request = parse_chat_request(
        R"({"messages": [{"role": "user", "content": "Hello"}])" + more + "}", {});
    EXPECT_TRUE(complete_request(*request, model).ok());
    return request->generate.image_knobs;
  };
  EXPECT_EQ(knobs(""), (KnobValues{{"num_crops", 16}}));  // its own bound
  EXPECT_EQ(knobs(R"(, "num_crops": 2)"), (KnobValues{{"num_crops", 2}}));
}

TEST(RequestDefaults, ModelsWithoutVideosAreFoundBeforeAnythingIsDecoded) {
  ServedModel model;
  model.architecture = "phi3_v";
  const auto completed = [&] {
    auto request = parse_chat_request(
        R"({"messages": [{"role": "user", "content": [{"type": "video_frames", "frames":
            ["data:image/png;base64,Zm9v"]}, {"type": "text", "text": "?"}]}]})",
        {});
    return complete_request(*request, model);
  };
  const auto refused = completed();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  model.frames = FrameRules{.max_frames = 1, .knobs = {}};
  EXPECT_TRUE(completed().ok());
}

TEST(RequestDefaults, LengthIsPassedOn) {
  RequestDefaults defaults;
  defaults.max_sequence = 64;
  EXPECT_EQ(parse("", defaults).generate.max_sequence, 64);
}

}  // namespace
}  // namespace oc
