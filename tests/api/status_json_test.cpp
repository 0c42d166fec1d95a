#include "api/status_json.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace oc {
namespace {

namespace json = boost::json;

ServedModel model(const std::string& name, const std::string& state, bool active = false) {
  ServedModel out;
  out.name = name;
  out.state = state;
  out.active = active;
  return out;
}

ServerState server() {
  ServerState out;
  out.version = "1.2.3";
  out.models = {model("one", "ready", true), model("two", "absent")};
  out.active = out.models.front();
  out.condition = condition_of(*out.active, out.models);
  out.service.completed = 4;
  out.service.total_ms = 1000;
  return out;
}

TEST(StatusJson, TheConditionIsThatOfTheActiveModelUnlessOthersAnswer) {
  ServedModel active = model("one", "ready", true);
  EXPECT_EQ(condition_of(active, {}), "healthy");
  active.state = "failed";
  EXPECT_EQ(condition_of(active, {}), "failed");
  EXPECT_EQ(condition_of(active, std::vector{active, model("two", "loading")}), "failed");
  EXPECT_EQ(condition_of(active, std::vector{active, model("two", "ready")}), "degraded");
  active.state = "loading";
  EXPECT_EQ(condition_of(active, {}), "healthy") << "nothing is wrong with it";
  active.why = "its file was cut off";
  EXPECT_EQ(condition_of(active, {}), "failed");
}

TEST(StatusJson, HealthTellsHowTheModelIs) {
  ServerState state = server();
  const json::object body = json::parse(health_json(state)).as_object();
  EXPECT_EQ(body.at("status"), "healthy");
  EXPECT_EQ(body.at("model"), "one");
  EXPECT_EQ(body.at("performance").at("avg_time"), "0.25s");
  EXPECT_FALSE(body.contains("why"));
  state.active->why = "lost";
  EXPECT_EQ(json::parse(health_json(state)).at("why"), "lost");
}

TEST(StatusJson, ALoadTellsHowFarItIs) {
  ServerState state = server();
  state.models[1].state = "loading";
  state.models[1].loading = {.seconds = 1.26};
  EXPECT_EQ(json::parse(status_json(state)).at("models").at(1).at("loading"),
            (json::object{{"seconds", 1.3}}));
  state.models[1].loading = {.seconds = 2, .phase = "quantizing", .done = 3, .total = 10};
  EXPECT_EQ(json::parse(status_json(state)).at("models").at(1).at("loading"),
            json::parse(R"({"seconds":2.0,"phase":"quantizing","done_bytes":3,"total_bytes":10})"));
  EXPECT_FALSE(json::parse(status_json(state)).at("models").at(0).as_object().contains("loading"));
  state.models = {state.models[1]};
  state.active.reset();
  EXPECT_EQ(json::parse(health_json(state)).at("loading").at("phase"), "quantizing");
}

TEST(StatusJson, WhileNoneIsReadyThereIsLessToTell) {
  ServerState state = server();
  state.active.reset();
  state.condition = "loading";
  EXPECT_EQ(health_json(state), R"({"status":"loading","model":"one","state":"ready"})");
  const json::value status = json::parse(status_json(state));
  EXPECT_TRUE(status.at("active_model").is_null());
  EXPECT_EQ(status.at("models").as_array().size(), 2u);
  state.models.clear();
  EXPECT_EQ(health_json(state), R"({"status":"loading"})");
}

TEST(StatusJson, StatsCountsRequestsAndModels) {
  const json::value body = json::parse(stats_json(server()));
  EXPECT_EQ(body.at("statistics").at("requests"), 4);
  EXPECT_EQ(body.at("statistics").at("avg_time"), 0.25);
  EXPECT_EQ(body.at("models").as_array().size(), 2u);
  EXPECT_EQ(body.at("models").at(1).at("state"), "absent");
}

}  // namespace
}  // namespace oc
