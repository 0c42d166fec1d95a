#include "api/registry.h"

#include <gtest/gtest.h>

#include <set>

namespace oc {
namespace {

TEST(DialectRegistry, EveryPathIsThereOnceAndEveryDialectIsWhole) {
  std::set<std::string_view> paths;
  for (const ChatPath& chat : chat_paths()) {
    EXPECT_TRUE(chat.path.starts_with("/")) << chat.path;
    EXPECT_TRUE(paths.insert(chat.path).second) << chat.path;
    EXPECT_FALSE(chat.dialect.stream_type().empty()) << chat.path;
    EXPECT_FALSE(chat.dialect.error_body(refuse(Refusal::kInternal, "x")).empty()) << chat.path;
  }
  for (const char* path :
       {"/v1/chat/completions", "/v1/query", "/v1/caption", "/v1/detect", "/v1/point",
        "/v1/messages", "/v1/responses", "/v1/completions", "/api/chat", "/api/generate"})
    EXPECT_TRUE(paths.contains(path)) << path;
  std::set<std::string_view> prefixes;
  for (const DialectPrefix& below : dialect_prefixes()) {
    EXPECT_TRUE(below.prefix.starts_with("/")) << below.prefix;
    EXPECT_TRUE(prefixes.insert(below.prefix).second) << below.prefix;
  }
}

TEST(DialectRegistry, NothingIsBothThereAndAbsent) {
  for (const AbsentPath& absent : absent_paths()) {
    EXPECT_FALSE(absent.why.empty()) << absent.prefix;
    for (const ChatPath& chat : chat_paths())
      EXPECT_FALSE(chat.path.starts_with(absent.prefix)) << chat.path;
    for (const PlanPath& plan : plan_paths())
      EXPECT_FALSE(plan.path.starts_with(absent.prefix)) << plan.path;
  }
}

}  // namespace
}  // namespace oc
