#include "api/ollama/pull_lines.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>

namespace oc {
namespace {

namespace json = boost::json;

TEST(OllamaPullLines, OneBarForAll) {
  const PullWriter& lines = ollama_pull_lines();
  const hub::ModelRef ref{.repo = "org/a", .revision = "main"};
  std::string out;
  lines.progress(out, ref, {.done = 5, .total = 20, .file = "x", .file_done = 1}, 7.0);
  ASSERT_TRUE(out.ends_with('\n'));
  const json::value told = json::parse(out);
  EXPECT_EQ(told.at("status"), "pulling org/a");
  EXPECT_EQ(told.at("completed"), 5);
  EXPECT_EQ(told.at("total"), 20);
  const json::string digest = told.at("digest").as_string();
  EXPECT_EQ(digest.size(), 7u + 64u);
  out.clear();
  lines.progress(out, ref, {.phase = hub::PullProgress::Phase::kChecking, .total = 20}, 0);
  EXPECT_EQ(json::parse(out).at("status"), "verifying sha256 digest");
  EXPECT_EQ(json::parse(out).at("digest"), digest);
}

TEST(OllamaPullLines, HowItEnds) {
  const PullWriter& lines = ollama_pull_lines();
  const hub::ModelRef ref{.repo = "org/a", .revision = "main"};
  std::string done, failed;
  lines.done(done, ref, {});
  EXPECT_EQ(done, "{\"status\":\"success\"}\n");
  EXPECT_EQ(lines.whole(ref, {}) + "\n", done);
  lines.failed(failed, {.status = 502, .code = "bad_hub", .message = "m"});
  EXPECT_EQ(json::parse(failed).at("error"), "m");
}

}  // namespace
}  // namespace oc
