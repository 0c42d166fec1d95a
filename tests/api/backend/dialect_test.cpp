#include "api/backend/dialect.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "api/openai/dialect.h"

namespace oc {
namespace {

TEST(BackendDialect, ErrorsHaveTheOriginalsDetailBesideOpenAisObject) {
  const ApiError error = refuse(Refusal::kNoSuchRoute, "there is nothing");
  const auto body = boost::json::parse(backend_dialect().error_body(error)).as_object();
  EXPECT_EQ(body.at("detail"), "there is nothing");
  EXPECT_EQ(body.at("error"), boost::json::parse(openai_dialect().error_body(error)).at("error"));
  EXPECT_EQ(body.size(), 2u);
}

}  // namespace
}  // namespace oc
