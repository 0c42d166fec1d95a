#include "api/pulls.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <fstream>
#include <iterator>

#include "runtime/library/known_models.h"

namespace oc {
namespace {

namespace json = boost::json;

std::string param_of(std::string_view body) {
  const auto pull = parse_pull(body);
  return pull.ok() ? "none" : pull.error().param;
}

TEST(Pulls, ABodySaysWhatTheVerbsFlagsSay) {
  const auto plain = parse_pull(R"({"model":"org/m@v2"})").value();
  EXPECT_EQ(plain.ref.repo, "org/m");
  EXPECT_EQ(plain.ref.revision, "v2");
  EXPECT_EQ(plain.options.connections, 8);
  EXPECT_EQ(plain.options.patience.retries, 6);
  EXPECT_EQ(plain.options.patience.stall_s, 30);
  EXPECT_FALSE(plain.options.replace);
  const auto all = parse_pull(R"({"model":"phi-3.5-vision","connections":2,"retries":0,
                                  "timeout":5,"replace":true})")
                       .value();
  EXPECT_EQ(all.ref.repo, "microsoft/Phi-3.5-vision-instruct");
  EXPECT_EQ(all.options.connections, 2);
  EXPECT_EQ(all.options.patience.retries, 0);
  EXPECT_EQ(all.options.patience.stall_s, 5);
  EXPECT_TRUE(all.options.replace);
}

TEST(Pulls, WhatIsWrongIsNamed) {
  for (const char* body : {"", "[]", "{", "3"}) EXPECT_EQ(param_of(body), "") << body;
  for (const char* body : {"{}", R"({"model":null})", R"({"model":""})", R"({"model":"../x"})",
                           R"({"model":"nonsense"})"})
    EXPECT_EQ(param_of(body), "model") << body;
  EXPECT_EQ(param_of(R"({"model":"a/b","connections":33})"), "connections");
  EXPECT_EQ(param_of(R"({"model":"a/b","retries":-1})"), "retries");
  EXPECT_EQ(param_of(R"({"model":"a/b","timeout":3601})"), "timeout");
  EXPECT_EQ(param_of(R"({"model":"a/b","replace":1})"), "replace");
  EXPECT_EQ(param_of(R"({"model":"a/b","stream":false})"), "stream");
  EXPECT_EQ(param_of(R"({"model":")" + std::string(70'000, 'a') + "\"}"), "");
  EXPECT_NE(parse_pull(R"({"model":"phi-3.5-vison"})").error().hint.find("mean phi-3.5-vision?"),
            std::string::npos);
}

TEST(Pulls, TheDocumentHasTheFields) {
  std::ifstream file(OC_SOURCE_DIR "/docs/api.md");
  const std::string document((std::istreambuf_iterator<char>(file)), {});
  for (const RequestField& field : pull_fields()) {
    const std::string row = fmt::format("| `{}` | {} | {} | {} |", field.name, type_words(field),
                                        bound_words(field), field.meaning);
    EXPECT_NE(document.find(row), std::string::npos) << "docs/api.md has no row " << row;
  }
}

TEST(Pulls, WhatIsToBeLoadedHasAName) {
  EXPECT_EQ(parse_load(R"({"model":"tiny"})").value(), "tiny");
  for (const char* body : {"{}", R"({"model":""})", R"({"model":"a","retries":1})", "[]"})
    EXPECT_FALSE(parse_load(body).ok()) << body;
}

TEST(Pulls, ProgressIsOfAllAndOfAFile) {
  hub::PullProgress now{.done = 5, .total = 10, .file = "a", .file_done = 2, .file_total = 4};
  EXPECT_EQ(pull_progress_json({"org/m"}, now, 12.6),
            R"({"object":"model.pull","model":"org/m","revision":"main","phase":"loading",)"
            R"("done_bytes":5,"total_bytes":10,)"
            R"("file":{"name":"a","done_bytes":2,"total_bytes":4},"bytes_per_s":13})");
  now = {.phase = hub::PullProgress::Phase::kChecking, .done = 12, .total = 10};
  const auto checking = json::parse(pull_progress_json({"org/m"}, now, 0)).as_object();
  EXPECT_EQ(checking.at("phase"), "checking");
  EXPECT_EQ(checking.at("done_bytes"), 10);
  EXPECT_TRUE(checking.at("file").is_null());
}

TEST(Pulls, TheCatalogueTellsWhatIsHere) {
  const KnownModel& known = known_models().front();
  const std::vector<hub::InstalledModel> installed = {
      {.name = std::string(known.repo), .bytes = 3, .architecture = "x", .problem = "broken"}};
  const std::vector<hub::UnfinishedPull> unfinished = {{"a/b", 7}};
  PullCatalogue catalogue{.hub = "http://hub", .installed = installed, .unfinished = unfinished};
  auto told = json::parse(pull_catalogue_json(catalogue)).as_object();
  EXPECT_EQ(told.at("allowed"), false);
  EXPECT_FALSE(told.contains("hub")) << "it is nobody's matter who may not pull";
  EXPECT_EQ(told.at("data").as_array().size(), known_models().size());
  EXPECT_EQ(told.at("data").at(0).at("installed"), true);
  EXPECT_EQ(told.at("data").at(1).at("installed"), false);
  EXPECT_EQ(told.at("installed").at(0).at("whole"), false);
  EXPECT_EQ(told.at("unfinished").at(0).at("bytes"), 7);
  EXPECT_TRUE(told.at("under_way").is_null());
  catalogue.allowed = true;
  catalogue.under_way = {.id = 1, .ref = {"a/b"}, .progress = {.done = 1, .total = 2}};
  told = json::parse(pull_catalogue_json(catalogue)).as_object();
  EXPECT_EQ(told.at("hub"), "http://hub");
  EXPECT_EQ(told.at("under_way").at("model"), "a/b");
}

}  // namespace
}  // namespace oc
