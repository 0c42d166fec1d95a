#include "api/moondream/dialect.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

std::unique_ptr<AnswerWriter> writer(MoondreamRoute route, std::string_view warning = "") {
  static const ServedModel kModel;
  return moondream_dialect(route).writer(
      {}, {.model = kModel, .id = "id-1", .created = 5, .warning = warning});
}

GenerateResult result() {
  GenerateResult out;
  out.text = "A \"cat\"";
  out.prompt_tokens = 740;
  out.image_tokens = 729;
  out.cached_tokens = 730;
  out.completion_tokens = 4;
  return out;
}

constexpr std::string_view kDetails =
    R"("finish_reason":"stop","stop_cause":"stop_token","usage":{"prompt_tokens":740,"image_tokens":729,)"
    R"("cached_tokens":730,"completion_tokens":4})";

TEST(MoondreamDialect, WholeAnswers) {
  GenerateResult found = result();
  found.objects = {{.x = 0.5, .y = 0.25, .width = 0.25, .height = 0.5}};
  EXPECT_EQ(writer(MoondreamRoute::kQuery)->whole(result()),
            R"({"request_id":"id-1","answer":"A \"cat\"",)" + std::string(kDetails) + "}");
  EXPECT_EQ(writer(MoondreamRoute::kCaption)->whole(result()),
            R"({"request_id":"id-1","caption":"A \"cat\"",)" + std::string(kDetails) + "}");
  EXPECT_EQ(writer(MoondreamRoute::kDetect)->whole(found),
            R"({"request_id":"id-1","objects":[{"x_min":0.375,"y_min":0.0,"x_max":0.625,)"
            R"("y_max":0.5}],)" +
                std::string(kDetails) + "}");
  found.objects = {{.x = 0.5, .y = 0.25}};
  EXPECT_EQ(writer(MoondreamRoute::kPoint)->whole(found),
            R"({"request_id":"id-1","points":[{"x":0.5,"y":0.25}],"count":1,)" +
                std::string(kDetails) + "}");
}

TEST(MoondreamDialect, ACutSearchSaysSo) {
  GenerateResult cut = result();
  cut.stop_cause = StopCause::kMaxObjects;
  cut.finish_reason = finish_reason_of(cut.stop_cause);
  EXPECT_NE(writer(MoondreamRoute::kDetect)
                ->whole(cut)
                .find(R"("finish_reason":"length","stop_cause":"max_objects",)"),
            std::string::npos);
}

TEST(MoondreamDialect, WarningsOfRequestAndAnswer) {
  GenerateResult answer = result();
  answer.warning = "cut";
  EXPECT_TRUE(
      writer(MoondreamRoute::kQuery, "w")->whole(answer).ends_with(R"(,"warning":"w; cut"})"));
  EXPECT_TRUE(writer(MoondreamRoute::kQuery)->whole(answer).ends_with(R"(,"warning":"cut"})"));
}

TEST(MoondreamDialect, AStreamIsChunksAndACompletedOne) {
  const auto out = writer(MoondreamRoute::kCaption);
  std::string stream;
  out->head(stream);
  EXPECT_EQ(stream, "");
  out->piece(stream, {.text = "A \""});
  EXPECT_EQ(stream, "data: {\"chunk\":\"A \\\"\",\"completed\":false,\"request_id\":\"id-1\"}\n\n");
  stream.clear();
  out->end(stream, result());
  EXPECT_EQ(stream, "data: {\"chunk\":\"\",\"completed\":true,\"request_id\":\"id-1\"," +
                        std::string(kDetails) + "}\n\n");
}

TEST(MoondreamDialect, ErrorsAreOneObject) {
  const ApiError error = refuse(Refusal::kWrongKey, "no", "p");
  const std::string body = moondream_dialect(MoondreamRoute::kPoint).error_body(error);
  EXPECT_EQ(body, R"({"error":{"message":"no","type":"authentication_error","param":"p",)"
                  R"("code":"invalid_api_key"}})");
  std::string stream;
  writer(MoondreamRoute::kQuery)->error(stream, error);
  EXPECT_EQ(stream, "data: " + body + "\n\n");
}

TEST(MoondreamDialect, IdsAndStreamsAreNamed) {
  EXPECT_EQ(moondream_dialect(MoondreamRoute::kQuery).id_prefix(), "query-");
  EXPECT_EQ(moondream_dialect(MoondreamRoute::kPoint).id_prefix(), "point-");
  EXPECT_TRUE(
      moondream_dialect(MoondreamRoute::kDetect).stream_type().starts_with("text/event-stream"));
  EXPECT_TRUE(moondream_dialect(MoondreamRoute::kDetect).keep_alive().starts_with(":"))
      << "a comment: the clients read lines that begin with data:";
}

}  // namespace
}  // namespace oc
