#include "api/backend/documents.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace oc {
namespace {

namespace json = boost::json;

TEST(BackendDocuments, TheOriginalsFields) {
  ServedModel model;
  model.name = "demo";
  const BackendConfig config;
  const json::object page = json::parse(page_config_json(config, model)).as_object();
  for (const char* key : {"video_width", "video_height", "api_base_url", "default_instruction",
                          "capture_intervals", "capture_interval", "model_help", "active_model"})
    EXPECT_TRUE(page.contains(key)) << key;
  const json::object full = json::parse(full_config_json(config, model)).as_object();
  EXPECT_EQ(full.at("active_model"), "demo");
  EXPECT_EQ(full.at("model_config").at("ui").at("default_interval"), 5000);
}

}  // namespace
}  // namespace oc
