#include "runtime/hub/names.h"
#include "runtime/library/known_models.h"
#include "runtime/library/plain_name.h"

#include <gtest/gtest.h>

namespace oc::hub {
namespace {

TEST(HubNames, ARepositoryAndItsRevision) {
  const auto plain = parse_model_ref("org/model-1.5_x").value();
  EXPECT_EQ(plain.repo, "org/model-1.5_x");
  EXPECT_EQ(plain.revision, "main");
  EXPECT_EQ(parse_model_ref("org/m@refs/pr/3").value().revision, "refs/pr/3");
  EXPECT_EQ(parse_model_ref("org/m@v1.0+x").value().revision, "v1.0+x");
}

TEST(HubNames, ShortNamesOfKnownModels) {
  ASSERT_FALSE(known_models().empty());
  for (const KnownModel& entry : known_models()) {
    EXPECT_EQ(parse_model_ref(entry.name).value().repo, entry.repo);
    for (const std::string_view name : {entry.name, entry.repo})
      EXPECT_EQ(parse_model_ref(name).value().revision, entry.revision);
    EXPECT_EQ(find_known_model(entry.repo), &entry);
    EXPECT_EQ(parse_model_ref(std::string(entry.name) + "@v2").value().revision, "v2");
  }
  const auto unknown = parse_model_ref("nonsense");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(unknown.error().message, "no known model is called \"nonsense\"");
  EXPECT_NE(unknown.error().hint.find(known_models()[0].name), std::string::npos);
}

TEST(HubNames, WhatIsNoModel) {
  for (const char* text :
       {"",        "/",       "a/",      "/a",         "a//b",     "../b",   "a/..",
        "a/.b",    ".a/b",    "a/b/c",   "a b/c",      "a/b?c",    "a/b#c",  "a/b%2e",
        "a\\b/c",  "a/b@",    "a/b@..",  "a/b@x/../y", "a/b@/x",   "a/b@x/", "a/b@-x",
        "a/b@x y", "a/b@x?y", "a/b@x@y", "a/b\n",      "a/b@x\r\n"}) {
    const auto ref = parse_model_ref(text);
    ASSERT_FALSE(ref.ok()) << text;
    EXPECT_EQ(ref.error().code, ErrorCode::kInvalidArgument) << text;
  }
  EXPECT_FALSE(parse_model_ref("a/" + std::string(300, 'b')).ok());
  EXPECT_FALSE(parse_model_ref(std::string_view("a/b\0c", 5)).ok());
}

TEST(HubNames, FileNamesAreOnePart) {
  for (const char* name : {"config.json", "model-00001-of-00002.safetensors", "a_b"})
    EXPECT_TRUE(is_safe_file_name(name)) << name;
  for (const char* name :
       {"", ".", "..", ".hidden", "a/b", "../a", "a\\b", "a b", "a\n", "\x1b[1m", "c:a", "é"})
    EXPECT_FALSE(is_safe_file_name(name)) << name;
  EXPECT_FALSE(is_safe_file_name(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_safe_file_name(std::string(201, 'a')));
}

TEST(HubNames, Addresses) {
  const Hub hub = make_hub("https://hub.example/mirror//", "").value();
  const ModelRef ref{"org/m", "refs/pr/1"};
  EXPECT_EQ(revision_url(hub, ref),
            "https://hub.example/mirror/api/models/org/m/revision/refs%2Fpr%2F1");
  EXPECT_EQ(tree_url(hub, ref, "abc"), "https://hub.example/mirror/api/models/org/m/tree/abc");
  EXPECT_EQ(file_url(hub, ref, "abc", "a.json"),
            "https://hub.example/mirror/org/m/resolve/abc/a.json");
}

TEST(HubNames, WhatIsNoHub) {
  for (const char* base : {"", "huggingface.co", "ftp://x", "https://", "https://user:pw@x",
                           "https://x?y=1", "https://x#y", "file:///etc", "https://x y"})
    EXPECT_FALSE(make_hub(base, "").ok()) << base;
  for (const char* token : {"a b", "a\r\nb", "\x7f", "é"})
    EXPECT_FALSE(make_hub("https://x", token).ok()) << token;
  for (const char* base :
       {"https://me:secret@hub.example", "http://me:secret@x/@y", "me:secret@x"}) {
    const auto refused = make_hub(base, "");
    ASSERT_FALSE(refused.ok()) << base;
    EXPECT_EQ(refused.error().describe().find("secret"), std::string::npos)
        << refused.error().describe();
  }
  const auto secret = make_hub("https://x", "se cret");
  EXPECT_EQ(secret.error().describe().find("cret"), std::string::npos);
}

TEST(HubNames, OriginsAreSchemeHostAndPort) {
  EXPECT_TRUE(same_origin("https://a/x", "https://a:443/y"));
  EXPECT_TRUE(same_origin("https://A/x", "HTTPS://a/y"));
  EXPECT_FALSE(same_origin("https://a/x", "http://a/x"));
  EXPECT_FALSE(same_origin("https://a/x", "https://a:444/x"));
  EXPECT_FALSE(same_origin("https://a/x", "https://a.evil/x"));
  EXPECT_FALSE(same_origin("https://a/x", "https://a@evil/x"));
  EXPECT_FALSE(same_origin("nonsense", "nonsense"));
}

TEST(HubNames, TheTokenGoesHomeAndSafelyOnly) {
  const Hub safe = make_hub("https://hub.example", "t").value();
  EXPECT_TRUE(may_carry_token(safe, "https://hub.example/org/m"));
  EXPECT_FALSE(may_carry_token(safe, "https://cdn.example/org/m"));
  EXPECT_FALSE(may_carry_token(safe, "http://hub.example/org/m"));
  EXPECT_FALSE(may_carry_token(make_hub("http://hub.example", "t").value(), "http://hub.example/"));
  EXPECT_TRUE(may_carry_token(make_hub("http://127.0.0.1:9", "t").value(), "http://127.0.0.1:9/x"));
  EXPECT_FALSE(may_carry_token(make_hub("https://hub.example", "").value(), "https://hub.example"));
}

TEST(HubNames, RedirectsStayAsSafe) {
  EXPECT_TRUE(may_redirect("https://a", "https://b/x?y=z"));
  EXPECT_TRUE(may_redirect("http://a", "http://b/x"));
  EXPECT_TRUE(may_redirect("http://a", "https://b/x"));
  EXPECT_FALSE(may_redirect("https://a", "http://b/x"));
  EXPECT_FALSE(may_redirect("https://a", "file:///etc/passwd"));
  EXPECT_FALSE(may_redirect("https://a", ""));
}

}  // namespace
}  // namespace oc::hub
