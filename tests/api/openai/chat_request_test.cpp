#include "api/openai/chat_request.h"
#include "api/request_images.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "models/registry.h"

namespace oc {
namespace {

constexpr std::string_view kHello = R"("messages":[{"role":"user","content":"Hello"}])";

ChatLimits limits() {
  ChatLimits result;
  result.context_length = 4096;
  return result;
}

Result<ChatRequest> parse(const std::string& body) { return parse_chat_request(body, limits()); }
// A valid request with more fields.
Result<ChatRequest> with(const std::string& fields) {
  return parse(fmt::format("{{{},{}}}", kHello, fields));
}
Result<ChatRequest> with_content(const std::string& content) {
  return parse(R"({"messages":[{"role":"user","content":)" + content + "}]}");
}
// As a model of the first family would plan it.
int crops_of(const ChatRequest& request, std::size_t image) {
  ImageOptions options = request.images[image].options;
  options.request_knobs = request.generate.image_knobs;
  return knob_values(image_knobs(), options)->at("num_crops");
}
// "param: message (hint)" of a request that must fail.
std::string error_of(const Result<ChatRequest>& result) {
  if (result.ok()) return "no error";
  return result.error().param + ": " + result.error().describe();
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(ChatRequest, TheLeastThatIsARequest) {
  auto result = parse(fmt::format("{{{}}}", kHello));
  ASSERT_TRUE(result.ok()) << error_of(result);
  EXPECT_EQ(result->model, "");
  EXPECT_FALSE(result->stream);
  EXPECT_FALSE(result->generate.max_tokens.has_value());
  EXPECT_FALSE(result->sampling.seed);
  EXPECT_FALSE(result->sampling.temperature);
  ASSERT_EQ(result->generate.messages.size(), 1u);
  const Message& message = result->generate.messages[0];
  EXPECT_EQ(message.role, Role::kUser);
  ASSERT_EQ(message.parts.size(), 1u);
  EXPECT_EQ(std::get<TextPart>(message.parts[0]).text, "Hello");
}

TEST(ChatRequest, EveryField) {
  auto result = with(R"("model":"m","max_tokens":7,"temperature":0.5,"top_p":0.9,"top_k":40,
      "min_p":0.05,"repetition_penalty":1.1,"seed":-1,"stop":["a","\n"],"stream":true,
      "stream_options":{"include_usage":true},"keep_order":true,"num_crops":4,"n":1,
      "user":"u","metadata":{"a":"b"},"response_format":{"type":"text"})");
  ASSERT_TRUE(result.ok()) << error_of(result);
  EXPECT_EQ(result->model, "m");
  EXPECT_TRUE(result->stream);
  EXPECT_TRUE(result->include_usage);
  const GenerateRequest& generate = result->generate;
  EXPECT_EQ(generate.max_tokens, 7);
  EXPECT_EQ(generate.stop, (std::vector<std::string>{"a", "\n"}));
  EXPECT_TRUE(generate.keep_order);
  EXPECT_EQ(result->sampling.temperature, 0.5);
  EXPECT_EQ(result->sampling.top_p, 0.9);
  EXPECT_EQ(result->sampling.top_k, 40);
  EXPECT_EQ(result->sampling.min_p, 0.05);
  EXPECT_EQ(result->sampling.repetition_penalty, 1.1);
  EXPECT_EQ(result->sampling.seed, std::numeric_limits<std::uint64_t>::max());
}

TEST(ChatRequest, NullIsAbsent) {
  for (const char* field : {"model",
                            "max_tokens",
                            "max_completion_tokens",
                            "temperature",
                            "top_p",
                            "stop",
                            "seed",
                            "stream",
                            "stream_options",
                            "top_k",
                            "min_p",
                            "repetition_penalty",
                            "num_crops",
                            "keep_order",
                            "n",
                            "response_format",
                            "logprobs",
                            "top_logprobs",
                            "presence_penalty",
                            "frequency_penalty",
                            "logit_bias",
                            "tools",
                            "tool_choice",
                            "user",
                            "metadata",
                            "store",
                            "service_tier",
                            "something_new"}) {
    auto result = with(fmt::format("\"{}\":null", field));
    EXPECT_TRUE(result.ok()) << field << " " << error_of(result);
  }
}

TEST(ChatRequest, PenaltiesBiasAndExtensions) {
  const auto result = with(
      R"("presence_penalty":0.5,"frequency_penalty":-1,"logit_bias":{"5":1.5},"draft_tokens":3,)"
      R"("stream_key":"door","policy":"latest_wins")");
  ASSERT_TRUE(result.ok()) << error_of(result);
  const RequestedSampling& sampling = result->sampling;
  EXPECT_EQ(sampling.presence_penalty, 0.5);
  EXPECT_EQ(sampling.frequency_penalty, -1);
  ASSERT_EQ(sampling.logit_bias.size(), 1u);
  EXPECT_EQ(sampling.logit_bias[0], (std::pair<TokenId, float>{5, 1.5f}));
  EXPECT_EQ(result->generate.draft_tokens, 3);
  EXPECT_EQ(result->generate.stream_key, "door");
  EXPECT_TRUE(result->generate.latest_wins);
  for (const char* wrong :
       {R"("presence_penalty":2.5)", R"("frequency_penalty":-3)", R"("logit_bias":{"x":1})",
        R"("logit_bias":{"5":101})", R"("logit_bias":{"5":1,"05":1})",
        R"("logit_bias":{"0":1,"-0":1})", R"("logit_bias":[])", R"("draft_tokens":16)",
        R"("policy":"latest_wins")", R"("stream_key":"a","policy":"oldest")",
        R"("stream_key":"")"}) {
    const auto refused = with(wrong);
    ASSERT_FALSE(refused.ok()) << wrong;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument) << wrong;
  }
}

TEST(ChatRequest, AKeyOfTheClientIsShownShortAndPrintable) {
  const std::string key = "5\\u007f\\n\\\"" + std::string(60'000, 'x');
  const auto refused = with(R"("logit_bias":{")" + key + R"(":1})");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().param, "logit_bias.5???" + std::string(60, 'x') + "...");
  EXPECT_LT(refused.error().message.size(), 200u);
  EXPECT_TRUE(has(error_of(with(R"("logit_bias":{")" + key + key + R"(":1})")),
                  "a member's name is longer than 65536 bytes"));
}

TEST(ChatRequest, ResponseFormat) {
  const auto format = [](const char* value) {
    return with(fmt::format("\"response_format\":{}", value));
  };
  EXPECT_FALSE(with("\"n\":1")->generate.json_schema.has_value());
  EXPECT_FALSE(format(R"({"type":"text"})")->generate.json_schema.has_value());
  EXPECT_EQ(format(R"({"type":"json_object"})")->generate.json_schema, "");
  const auto schema = format(R"({"type":"json_schema","json_schema":{"name":"a-B_1","strict":true,
      "description":"d","schema":{"title":"t","type":"null"}}})");
  ASSERT_TRUE(schema.ok()) << error_of(schema);
  EXPECT_EQ(schema->generate.json_schema, R"({"type":"null"})");
  for (const auto& [value, param] :
       {std::pair{R"({})", "type"}, std::pair{R"({"type":"regex"})", "type"},
        std::pair{R"({"type":"text","schema":{}})", "schema"},
        std::pair{R"({"type":"text","json_schema":{}})", "json_schema"},
        std::pair{R"({"type":"json_schema"})", "json_schema"},
        std::pair{R"({"type":"json_schema","json_schema":5})", "json_schema"},
        std::pair{R"({"type":"json_schema","json_schema":{}})", "json_schema.schema"},
        std::pair{R"({"type":"json_schema","json_schema":{"schema":[]}})", "json_schema.schema"},
        std::pair{R"({"type":"json_schema","json_schema":{"schema":{},"name":"a b"}})",
                  "json_schema.name"},
        std::pair{R"({"type":"json_schema","json_schema":{"schema":{},"strict":1}})",
                  "json_schema.strict"},
        std::pair{R"({"type":"json_schema","json_schema":{"schema":{"items":{"not":{}}}}})",
                  "json_schema.schema.items.not"}}) {
    const auto result = format(value);
    ASSERT_FALSE(result.ok()) << value;
    EXPECT_EQ(result.error().param, std::string("response_format.") + param) << value;
  }
}

TEST(ChatRequest, WhatMeansOffIsAccepted) {
  for (const auto& [field, value] :
       {std::pair{"n", "1"}, std::pair{"logprobs", "false"}, std::pair{"top_logprobs", "0"},
        std::pair{"presence_penalty", "0"}, std::pair{"frequency_penalty", "0.0"},
        std::pair{"logit_bias", "{}"}, std::pair{"tools", "[]"},
        std::pair{"tool_choice", R"("auto")"}, std::pair{"parallel_tool_calls", "true"},
        std::pair{"response_format", R"({"type":"text"})"}, std::pair{"store", "false"},
        std::pair{"service_tier", R"("auto")"}, std::pair{"modalities", R"(["text"])"},
        std::pair{"best_of", "1"}, std::pair{"top_k", "-1"}, std::pair{"top_p", "0"}}) {
    auto result = with(fmt::format("\"{}\":{}", field, value));
    EXPECT_TRUE(result.ok()) << field << " " << error_of(result);
  }
  EXPECT_GT(with("\"top_p\":0")->sampling.top_p, 0);
  EXPECT_EQ(with("\"top_k\":-1")->sampling.top_k, 0);
}

TEST(ChatRequest, UnknownFieldsGetTheNearestName) {
  const std::string error = error_of(with("\"max_token\":5"));
  EXPECT_TRUE(has(error, "max_token: unknown parameter \"max_token\"")) << error;
  EXPECT_TRUE(has(error, "did you mean \"max_tokens\"?")) << error;
  EXPECT_TRUE(has(error_of(with("\"enable_magic\":false")), "enable_magic"));
  // What a client calls a field cannot break a line of the log or grow without end.
  const std::string odd = error_of(with("\"a\\nb\\u0000" + std::string(5000, 'x') + "\":1"));
  EXPECT_TRUE(has(odd, "unknown parameter \"a?b?xxx")) << odd;
  EXPECT_LT(odd.size(), 400u);
}

TEST(ChatRequest, AWholeNumberMayHaveAPoint) {
  EXPECT_EQ(with(R"("max_tokens":3.0)")->generate.max_tokens, 3);
  EXPECT_EQ(with(R"("max_tokens":1e2)")->generate.max_tokens, 100);
  EXPECT_EQ(with(R"("max_tokens":100.0)")->generate.max_tokens, 100);
  EXPECT_EQ(with(R"("n_predict":-1.0)")->generate.max_tokens, std::nullopt);
  EXPECT_EQ(with(R"("seed":1.0)")->sampling.seed, 1u);
}

TEST(ChatRequest, WrongTypesAndRanges) {
  for (const auto& [field, value] : {std::pair{"max_tokens", "-2"},
                                     std::pair{"n_predict", "-2"},
                                     std::pair{"max_tokens", "1.5"},
                                     std::pair{"max_tokens", "2.5"},
                                     std::pair{"max_tokens", R"("5")"},
                                     std::pair{"max_tokens", "true"},
                                     std::pair{"max_tokens", "18446744073709551615"},
                                     std::pair{"max_tokens", "99999999999999999999999999"},
                                     std::pair{"max_completion_tokens", "-2"},
                                     std::pair{"max_new_tokens", R"("5")"},
                                     std::pair{"repeat_penalty", "0"},
                                     std::pair{"temperature", "-0.1"},
                                     std::pair{"temperature", "2.1"},
                                     std::pair{"temperature", R"("hot")"},
                                     std::pair{"temperature", "1e400"},
                                     std::pair{"top_p", "1.01"},
                                     std::pair{"top_p", "-1"},
                                     std::pair{"min_p", "1"},
                                     std::pair{"min_p", "2"},
                                     std::pair{"top_k", "-2"},
                                     std::pair{"repetition_penalty", "0"},
                                     std::pair{"repetition_penalty", "-1"},
                                     std::pair{"repetition_penalty", "1e-38"},
                                     std::pair{"repetition_penalty", "5e-324"},
                                     std::pair{"repetition_penalty", "0.0099"},
                                     std::pair{"repetition_penalty", "100.5"},
                                     std::pair{"repetition_penalty", "1e308"},
                                     std::pair{"seed", "1.5"},
                                     std::pair{"seed", R"("1")"},
                                     std::pair{"stream", "1"},
                                     std::pair{"stream", R"("true")"},
                                     std::pair{"stop", "5"},
                                     std::pair{"stop", "[5]"},
                                     std::pair{"num_crops", "0"},
                                     std::pair{"num_crops", "65"},
                                     std::pair{"keep_order", "1"},
                                     std::pair{"n", "0"},
                                     std::pair{"model", "5"},
                                     std::pair{"user", "5"},
                                     std::pair{"metadata", "5"},
                                     std::pair{"stream_options", "5"},
                                     std::pair{"response_format", "5"}}) {
    auto result = with(fmt::format("\"{}\":{}", field, value));
    ASSERT_FALSE(result.ok()) << field << "=" << value;
    if (result.error().param.empty()) {
      EXPECT_TRUE(has(result.error().message, "JSON")) << result.error().message;
    } else {
      EXPECT_EQ(result.error().param.substr(0, std::string_view(field).size()), field) << value;
      EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument) << field << "=" << value;
    }
  }
}

TEST(ChatRequest, TheLengthUnderEachOfItsNames) {
  for (const char* name : {"max_tokens", "max_completion_tokens", "max_new_tokens", "n_predict"}) {
    const auto length = [&](const char* value) {
      return with(fmt::format("\"{}\":{}", name, value))->generate.max_tokens;
    };
    EXPECT_EQ(length("9"), 9) << name;
    EXPECT_EQ(length("0"), 0) << name;
    EXPECT_EQ(length("null"), std::nullopt) << name;
    EXPECT_EQ(length("-1"), std::nullopt) << name;
    EXPECT_EQ(length("4097"), 4097) << name << ": complete_request() makes it less";
    EXPECT_EQ(length("9007199254740991"), std::numeric_limits<int>::max()) << name;
  }
  const std::string error = error_of(with(R"("max_new_tokens":8,"n_predict":9)"));
  EXPECT_TRUE(has(error, "\"max_new_tokens\" and \"n_predict\" are both given and differ"))
      << error;
  EXPECT_EQ(with(R"("max_tokens":-1,"n_predict":9)")->generate.max_tokens, 9);
}

TEST(ChatRequest, TheRepetitionPenaltyUnderBothNames) {
  EXPECT_EQ(with(R"("repeat_penalty":1.2)")->sampling.repetition_penalty, 1.2);
  EXPECT_EQ(with(R"("repeat_penalty":1.2,"repetition_penalty":1.2)")->sampling.repetition_penalty,
            1.2);
  EXPECT_TRUE(has(error_of(with(R"("repeat_penalty":1.1,"repetition_penalty":1.2)")), "differ"));
}

TEST(ChatRequest, Stops) {
  EXPECT_EQ(with(R"("stop":"x")")->generate.stop, std::vector<std::string>{"x"});
  EXPECT_TRUE(with(R"("stop":[])")->generate.stop.empty());
  std::string many = "\"stop\":[";
  for (int i = 0; i < 17; ++i) many += i == 0 ? "\"s\"" : ",\"s\"";
  EXPECT_TRUE(has(error_of(with(many + "]")), "at most 16"));
  EXPECT_TRUE(has(error_of(with("\"stop\":\"" + std::string(513, 'x') + "\"")), "512"));
}

TEST(ChatRequest, StreamOptions) {
  EXPECT_FALSE(with(R"("stream":true,"stream_options":{})")->include_usage);
  EXPECT_TRUE(has(error_of(with(R"("stream":true,"stream_options":{"x":1})")), "stream_options.x"));
  const auto progress = with(R"("stream":true,"stream_options":{"include_progress":true})");
  EXPECT_TRUE(progress->include_progress);
  EXPECT_FALSE(progress->include_usage);
  EXPECT_FALSE(with(R"("stream_options":{"include_progress":true})")->include_progress);
}

TEST(ChatRequest, RolesAndContent) {
  auto result = parse(R"({"messages":[
      {"role":"system","content":"Be brief."},{"role":"developer","content":"And kind."},
      {"role":"user","content":[{"type":"text","text":"One"},{"type":"text","text":"Two"}]},
      {"role":"assistant","content":"Three","refusal":null,"tool_calls":[],"annotations":[],
       "audio":null,"function_call":null},
      {"role":"assistant","content":null},
      {"role":"user","content":"","name":"Ann"}]})");
  ASSERT_TRUE(result.ok()) << error_of(result);
  const auto& messages = result->generate.messages;
  ASSERT_EQ(messages.size(), 6u);
  EXPECT_EQ(messages[0].role, Role::kSystem);
  EXPECT_EQ(messages[1].role, Role::kSystem);
  ASSERT_EQ(messages[2].parts.size(), 2u);
  EXPECT_EQ(std::get<TextPart>(messages[2].parts[1]).text, "Two");
  EXPECT_EQ(messages[3].role, Role::kAssistant);
  EXPECT_TRUE(messages[4].parts.empty());
}

TEST(ChatRequest, MessagesThatAreNot) {
  EXPECT_TRUE(has(error_of(parse("{}")), "messages: \"messages\" is missing"));
  EXPECT_TRUE(has(error_of(parse(R"({"messages":[]})")), "empty"));
  EXPECT_TRUE(has(error_of(parse(R"({"messages":{}})")), "must be an array, found an object"));
  EXPECT_TRUE(has(error_of(parse(R"({"messages":["Hi"]})")), "messages[0]: "));
  EXPECT_TRUE(has(error_of(parse(R"({"messages":[{"content":"x"}]})")), "messages[0].role"));
  EXPECT_TRUE(
      has(error_of(parse(R"({"messages":[{"role":"bot","content":"x"}]})")), "messages[0].role"));
  EXPECT_TRUE(has(error_of(parse(R"({"messages":[{"role":"user"}]})")), "messages[0].content"));
  EXPECT_TRUE(has(error_of(with_content("5")), "messages[0].content"));
  EXPECT_TRUE(has(error_of(with_content("[]")), "is empty"));
  EXPECT_TRUE(has(error_of(with_content("[5]")), "messages[0].content[0]"));
  EXPECT_TRUE(has(error_of(with_content(R"([{"text":"x"}])")), "content[0].type"));
  EXPECT_TRUE(has(error_of(with_content(R"([{"type":"text"}])")), "content[0].text"));
  EXPECT_TRUE(has(error_of(with_content(R"([{"type":"video_url"}])")),
                  "only text, image_url and video_frames"));
  EXPECT_TRUE(has(error_of(with_content(R"([{"type":"text","text":"x","cache":1}])")),
                  "messages[0].content[0].cache"));
  EXPECT_TRUE(has(error_of(parse(R"({"messages":[{"role":"user","content":"x","weight":1}]})")),
                  "messages[0].weight"));
  EXPECT_TRUE(has(error_of(parse(R"({"messages":[{"role":"user","content":"x"},
                                    {"role":"assistant","content":"y"}]})")),
                  "last message"));
}

TEST(ChatRequest, Pictures) {
  auto result = with_content(R"([
      {"type":"image_url","image_url":{"url":"data:image/png;base64,Zm9v"}},
      {"type":"text","text":"What?"},
      {"type":"image_url","image_url":{"url":"data:image/png;base64,YmFy","detail":"low"}},
      {"type":"image_url","image_url":{"url":"data:image/png;base64,YmFy","detail":"high"}},
      {"type":"image_url","image_url":{"url":"data:image/png;base64,YmFy","detail":"auto"}},
      {"type":"image_url","image_url":{"url":"data:image/png;base64,YmFy","num_crops":9}}])");
  ASSERT_TRUE(result.ok()) << error_of(result);
  ASSERT_EQ(result->images.size(), 5u);
  EXPECT_EQ(result->images[0].bytes.size(), 3u);
  EXPECT_EQ(result->images[0].param, "messages[0].content[0].image_url.url");
  EXPECT_EQ(crops_of(*result, 0), 4) << "the family's default";
  EXPECT_EQ(crops_of(*result, 1), 1);
  EXPECT_EQ(crops_of(*result, 2), 16);
  EXPECT_EQ(crops_of(*result, 3), 4);
  EXPECT_EQ(crops_of(*result, 4), 9);
  const auto& parts = result->generate.messages[0].parts;
  ASSERT_EQ(parts.size(), 6u);
  EXPECT_EQ(std::get<ImagePart>(parts[2]).index, 1);
}

TEST(ChatRequest, CropsOfTheRequestAreForPicturesWithoutDetail) {
  auto result = parse(R"({"num_crops":2,"messages":[{"role":"user","content":[
      {"type":"image_url","image_url":{"url":"data:image/png;base64,Zm9v"}},
      {"type":"image_url","image_url":{"url":"data:image/png;base64,YmFy","detail":"low"}}]}]})");
  ASSERT_TRUE(result.ok()) << error_of(result);
  EXPECT_EQ(crops_of(*result, 0), 2);
  EXPECT_EQ(crops_of(*result, 1), 1);
}

TEST(ChatRequest, PicturesThatAreNot) {
  const auto picture = [](const std::string& value) {
    return error_of(with_content(R"([{"type":"image_url","image_url":)" + value + "}]"));
  };
  EXPECT_TRUE(has(picture("7"), "must be an object or a string"));
  EXPECT_TRUE(has(picture(R"("here.png")"), "\"messages[0].content[0].image_url\""));
  EXPECT_TRUE(has(picture("null"), "is missing"));
  EXPECT_TRUE(has(picture("{}"), "messages[0].content[0].image_url.url"));
  EXPECT_TRUE(has(picture(R"({"url":5})"), "must be a string"));
  EXPECT_TRUE(has(picture(R"({"url":"https://example.com/a.png"})"), "remote fetching is off"));
  EXPECT_TRUE(has(picture(R"({"url":"data:image/png;base64,Zm9v","detail":"max"})"),
                  "low, auto, high or original"));
  EXPECT_TRUE(has(picture(R"({"url":"data:image/png;base64,Zm9!"})"), "offset 25"));
  EXPECT_TRUE(has(picture(R"({"url":"data:image/png;base64,Zm9v","uuid":"x"})"), "uuid"));
  // Only people show pictures.
  EXPECT_TRUE(has(error_of(parse(R"({"messages":[{"role":"system","content":[
      {"type":"image_url","image_url":{"url":"data:image/png;base64,Zm9v"}}]}]})")),
                  "user messages"));
  std::string many = "[";
  for (int i = 0; i < 17; ++i)
    many += std::string(i == 0 ? "" : ",") +
            R"({"type":"image_url","image_url":{"url":"data:;base64,Zm9v"}})";
  auto result = with_content(many + "]");
  EXPECT_TRUE(has(error_of(result), "more than 16 pictures"));
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  ChatLimits small = limits();
  small.max_image_bytes = 2;
  auto large = parse_chat_request(R"({"messages":[{"role":"user","content":[
      {"type":"image_url","image_url":{"url":"data:;base64,Zm9v"}}]}]})",
                                  small);
  ASSERT_FALSE(large.ok());
  EXPECT_EQ(large.error().code, ErrorCode::kTooLarge);
}

TEST(ChatRequest, CountsAreLimited) {
  ChatLimits small = limits();
  small.max_parts = 3;
  const std::string part = R"({"type":"text","text":"x"})";
  const auto result = parse_chat_request(
      fmt::format(R"({{"messages":[{{"role":"user","content":[{0},{0},{0},{0}]}}]}})", part),
      small);
  EXPECT_TRUE(has(error_of(result), "more than 3 content parts"));
}

TEST(ChatRequest, JsonCorners) {
  EXPECT_TRUE(has(error_of(parse("")), "JSON"));
  EXPECT_TRUE(has(error_of(parse("[]")), "must be a JSON object"));
  EXPECT_TRUE(has(error_of(parse("{\"messages\":NaN}")), "JSON"));
  EXPECT_TRUE(has(error_of(with("\"temperature\":Infinity")), "JSON"));
  EXPECT_TRUE(has(error_of(parse(fmt::format("{{{}}} x", kHello))), "JSON"));
  EXPECT_TRUE(has(error_of(parse(fmt::format("{{{},}}", kHello))), "JSON"));
  EXPECT_TRUE(has(error_of(parse("{'messages':[]}")), "JSON"));
  // Depth: refused, not recursed into.
  const std::string deep(100000, '[');
  EXPECT_TRUE(has(error_of(with("\"metadata\":" + deep)), "JSON"));
  std::string nested = "1";
  for (int i = 0; i < 40; ++i) nested = "[" + nested + "]";
  EXPECT_TRUE(has(error_of(with("\"user\":" + nested)), "JSON"));
  // Half a surrogate pair, and bytes that are not UTF-8.
  EXPECT_TRUE(has(error_of(with_content(R"("\ud800")")), "JSON"));
  EXPECT_TRUE(has(error_of(with_content(R"("\udc00x")")), "JSON"));
  EXPECT_TRUE(has(error_of(with_content("\"\xff\xfe\"")), "JSON"));
  EXPECT_TRUE(has(error_of(with_content("\"\xed\xa0\x80\"")), "JSON"));
  auto pair = with_content(R"("\ud83d\ude00")");
  ASSERT_TRUE(pair.ok()) << error_of(pair);
  EXPECT_EQ(std::get<TextPart>(pair->generate.messages[0].parts[0]).text, "\xf0\x9f\x98\x80");
  // A NUL is a character like any other.
  auto zero = with_content(R"("a\u0000b")");
  ASSERT_TRUE(zero.ok()) << error_of(zero);
  EXPECT_EQ(std::get<TextPart>(zero->generate.messages[0].parts[0]).text, std::string("a\0b", 3));
}

TEST(ChatRequest, OfTwoEqualKeysTheLastCounts) {
  auto result = with(R"("max_tokens":1,"max_tokens":2)");
  ASSERT_TRUE(result.ok()) << error_of(result);
  EXPECT_EQ(result->generate.max_tokens, 2);
}

TEST(ChatRequest, PicturesAreDecodedFromTheirContents) {
  Image picture;
  picture.width = 3;
  picture.height = 2;
  picture.rgb.assign(18, 200);
  auto request = with_content(R"([{"type":"text","text":"x"}])");
  ASSERT_TRUE(request.ok());
  request->images.push_back(
      {encode_png(picture), {.knobs = {{"num_crops", 4}}}, "messages[0].content[1].image_url.url"});
  auto memory = images_memory(*request);
  ASSERT_TRUE(memory.ok()) << memory.error().message;
  EXPECT_EQ(memory->kept, 18u);
  EXPECT_GT(memory->peak, 36u);
  auto decoded = decode_next_image(*request);
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_TRUE(*decoded);
  EXPECT_FALSE(*decode_next_image(*request)) << "there is only one";
  ASSERT_EQ(request->generate.images.size(), 1u);
  EXPECT_EQ(request->generate.images[0].image->rgb, picture.rgb);
  EXPECT_EQ(request->generate.images[0].options.knobs.at("num_crops"), 4);
  EXPECT_TRUE(request->images[0].bytes.empty());

  ChatRequest broken;
  broken.images.push_back({std::vector<std::byte>(20, std::byte{65}), {}, "the_param"});
  for (const Error& refused : {images_memory(broken).error(), decode_next_image(broken).error()}) {
    EXPECT_EQ(refused.param, "the_param");
    EXPECT_TRUE(has(refused.message, "\"the_param\": "));
  }
}

}  // namespace
}  // namespace oc
