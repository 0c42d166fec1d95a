#include "api/openai/plan_response.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace oc {
namespace {

namespace json = boost::json;

RequestPlan plan() {
  RequestPlan out;
  ImagePlan image;
  image.width = 640;
  image.height = 480;
  image.tokens = 757;
  image.views = 5;
  image.description.answer = {{"crops", 4}};
  out.images = {{image, true}, {image, false}};
  out.prompt_tokens = 1530;
  out.image_tokens = 1514;
  out.cached_tokens = 12;
  out.max_tokens = 100;
  out.views_left = 5;
  out.ahead = 2;
  return out;
}

TEST(PlanResponse, SaysWhatIsKnown) {
  const json::value out = json::parse(plan_response_json("phi", plan(), ""));
  EXPECT_EQ(out, json::parse(R"({"object":"images.plan","model":"phi","images":[
      {"width":640,"height":480,"crops":4,"tokens":757,"views":5,"cached":true},
      {"width":640,"height":480,"crops":4,"tokens":757,"views":5,"cached":false}],
      "usage":{"prompt_tokens":1530,
               "prompt_tokens_details":{"cached_tokens":12,"image_tokens":1514}},
      "max_tokens":100,"cached":false,"requests_ahead":2,
      "expected":{"first_token_seconds":null,"views":5,"seconds_per_view":null,
                  "prefill_tokens_per_second":null,"decode_tokens_per_second":null}})"));
}

TEST(PlanResponse, AndWhatWasMeasured) {
  RequestPlan known = plan();
  known.speed = {
      .seconds_per_view = 0.5, .prefill_tokens_per_second = 1518, .decode_tokens_per_second = 20};
  const json::value out = json::parse(plan_response_json("phi", known, "mind this"));
  EXPECT_EQ(out.at("expected").at("first_token_seconds"), 3.5);
  EXPECT_EQ(out.at("expected").at("seconds_per_view"), 0.5);
  EXPECT_EQ(out.at("expected").at("decode_tokens_per_second"), 20.0);
  EXPECT_EQ(out.at("warning"), "mind this");
}

}  // namespace
}  // namespace oc
