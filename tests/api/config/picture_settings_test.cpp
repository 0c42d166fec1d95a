#include "api/config/picture_settings.h"

#include <gtest/gtest.h>

#include "api/config/settings.h"

namespace oc {
namespace {

Config from(const std::string& text) {
  Config config;
  config.read_json(text, "a.json");
  check_picture_sources(config);
  return config;
}

// What is asked of "https", "http".
std::string schemes(const Config& config) {
  const RemotePolicy policy = picture_sources(config).remote;
  std::string out;
  for (const char* url : {"https://a.example/", "http://a.example/"})
    if (policy.check_scheme(*parse_remote_url(url)).ok()) out += *(url + 4) == 's' ? "s" : "p";
  return out;
}

TEST(PictureSettings, NothingUnlessItIsSaid) {
  const PictureSourcesOptions none = picture_sources(from("{}"));
  EXPECT_FALSE(none.remote.fetches());
  EXPECT_EQ(none.media_root, "");
  EXPECT_EQ(none.max_remote, 8u);
  EXPECT_EQ(none.max_remote_bytes, 10u << 20);
  EXPECT_EQ(none.remote_time, std::chrono::seconds(10));
  EXPECT_EQ(none.max_file_bytes, 45u << 20);
}

TEST(PictureSettings, TheFlagAloneMeansHttps) {
  EXPECT_EQ(schemes(from(R"({"server": {"remote_images": "off"}})")), "");
  EXPECT_EQ(schemes(from(R"({"server": {"remote_images": "https"}})")), "s");
  EXPECT_EQ(schemes(from(R"({"server": {"remote_images": "http"}})")), "sp");
  Config flag;
  flag.set_flag(*find_key("server.remote_images"), std::vector<std::string>{"true"});
  EXPECT_EQ(schemes(flag), "s");
  Config wrong;
  wrong.set_flag(*find_key("server.remote_images"), std::vector<std::string>{"ftp"});
  EXPECT_EQ(wrong.findings().size(), 1u);
}

TEST(PictureSettings, HostsAreChecked) {
  EXPECT_TRUE(from(R"({"server": {"remote_images_allow": ["a.example", "10.0.0.0/8"]}})")
                  .findings()
                  .empty());
  for (const char* one : {"http://a", "a:80", "*", "10.0.0.0/64", ""}) {
    Config config;
    config.read_json(std::string(R"({"server": {"remote_images_allow": [")") + one + "\"]}}",
                     "a.json");
    make_settings(config);
    EXPECT_EQ(config.findings().size(), 1u) << one;
  }
}

}  // namespace
}  // namespace oc
