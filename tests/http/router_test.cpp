#include "http/router.h"

#include <gtest/gtest.h>

#include "api/backend/dialect.h"
#include "http/response_head.h"

namespace oc::http {
namespace {

Router router() {
  Router out;
  out.add({.method = "GET", .path = "/health", .handler = {}, .open = true});
  out.add({.method = "GET", .path = "/v1/models", .handler = {}});
  out.add({.method = "GET", .path = "/v1/models/*", .handler = {}});
  out.add({.method = "POST", .path = "/v1/models", .handler = {}});
  return out;
}

std::string allow(const Router::Match& match) {
  for (const auto& [name, value] : match.instead.headers)
    if (name == "Allow") return value;
  return "";
}

TEST(Router, FindsRoutes) {
  const Router table = router();
  EXPECT_EQ(table.find("GET", "/health").route->path, "/health");
  EXPECT_EQ(table.find("POST", "/v1/models").route->method, "POST");
  EXPECT_EQ(table.find("GET", "/v1/models/a/b").route->path, "/v1/models/*");
}

// However clients write the path: below /v1, without it, or with two.
TEST(Router, WhatIsNotThereSaysWhy) {
  Router table = router();
  table.explain("/v1/embed", "no numbers");
  table.explain("/v1/embeddings/old", "nor old ones");
  const auto why = [&](const char* path) { return table.find("POST", path).instead.body; };
  for (const char* path : {"/v1/embeddings", "/embeddings", "//embeddings/", "/v1/v1/embeddings"})
    EXPECT_NE(why(path).find("no numbers"), std::string::npos) << path;
  EXPECT_NE(why("/embeddings/old").find("nor old ones"), std::string::npos);
  EXPECT_NE(why("/v2/embeddings").find("try /v1/models"), std::string::npos);
  // It is there, but not below /v1.
  EXPECT_NE(why("/v1/health").find("/health is there: leave /v1 out"), std::string::npos);
  EXPECT_NE(why("/v1/nothing").find("try /v1/models"), std::string::npos);
}

TEST(Router, GuestsAreWelcomeAtSomePaths) {
  Router table;
  table.add({.method = "POST", .path = "/chat", .handler = {}, .for_guests = true});
  table.add({.method = "GET", .path = "/state/*", .handler = {}, .for_guests = true});
  table.add({.method = "PATCH", .path = "/config", .handler = {}});
  EXPECT_TRUE(table.for_guests("/chat"));
  EXPECT_TRUE(table.for_guests("/state/query"));
  for (const char* path : {"/config", "/state", "/chat/", "/", "*", ""})
    EXPECT_FALSE(table.for_guests(path)) << path;
}

TEST(Router, EachPathSpeaksItsDialect) {
  const Dialect &openai = default_dialect(), &backend = backend_dialect();
  Router table(backend);
  table.speak("/v1/", openai);
  table.speak("/v1/config/", backend);
  table.add({.method = "POST", .path = "/chat", .handler = {}, .dialect = &openai});
  table.add({.method = "GET", .path = "/v1/odd/*", .handler = {}, .dialect = &backend});
  for (const char* path : {"/v1/", "/v1/models", "/v1/config", "/chat", "/v1/odd/"})
    EXPECT_EQ(&table.dialect_of(path), &openai) << path;
  for (const char* path : {"", "/", "*", "/v1", "/v2/", "/v1/config/x", "/v1/odd/1", "/chat/"})
    EXPECT_EQ(&table.dialect_of(path), &backend) << path;
  EXPECT_EQ(&Router().dialect_of("/"), &openai);
  // What a client writes without /v1, be there anything or not.
  EXPECT_EQ(&table.dialect_of("/config/x"), &backend);
  table.speak("/v1/messages", openai);
  for (const char* path : {"/v1/messages", "/messages", "/messages/x"})
    EXPECT_EQ(&table.dialect_of(path), &openai) << path;
  table.speak("/v1/config/", openai);  // the later one counts
  EXPECT_EQ(&table.dialect_of("/v1/config/x"), &openai);
  // Also what there is instead of a route.
  const auto detail = [&](const char* method, const char* path) {
    return table.find(method, path).instead.body.find("\"detail\"") != std::string::npos;
  };
  EXPECT_TRUE(detail("GET", "/nothing"));
  EXPECT_FALSE(detail("GET", "/v1/nothing"));
  EXPECT_FALSE(detail("GET", "/chat"));
}

TEST(Router, AnswersForWhatIsNotThere) {
  const Router table = router();
  for (const char* path : {"/", "/health/", "/v1/models/", "/v1/model", "", "*"}) {
    const auto match = table.find("GET", path);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_EQ(match.instead.status, 404) << path;
  }
  // What it offers instead is there.
  const auto offers = [](const Router& some, const std::string& path) {
    EXPECT_NE(some.find("GET", "/nothing").instead.body.find("; try " + path + "\""),
              std::string::npos)
        << some.find("GET", "/nothing").instead.body;
  };
  offers(table, "/v1/models");
  Router other;
  EXPECT_EQ(other.find("GET", "/nothing").instead.body.find("try"), std::string::npos);
  other.add({.method = "POST", .path = "/v1/chat/completions", .handler = {}});
  other.add({.method = "GET", .path = "/v1/state/*", .handler = {}});
  EXPECT_EQ(other.find("GET", "/nothing").instead.body.find("try"), std::string::npos);
  other.add({.method = "GET", .path = "/health", .handler = {}});
  offers(other, "/health");
  other.add({.method = "GET", .path = "/status", .handler = {}});
  offers(other, "/status");
  const auto method = table.find("DELETE", "/v1/models");
  EXPECT_EQ(method.instead.status, 405);
  EXPECT_EQ(allow(method), "GET, HEAD, POST, OPTIONS");
  const auto options = table.find("OPTIONS", "/health");
  EXPECT_EQ(options.instead.status, 204);
  EXPECT_EQ(allow(options), "GET, HEAD, OPTIONS");
  EXPECT_EQ(table.find("OPTIONS", "*").instead.status, 204);
}

TEST(Router, PathsAsClientsWriteThem) {
  Router table = router();
  table.add({.method = "POST", .path = "/v1/chat/completions", .handler = {}});
  table.add({.method = "GET", .path = "/", .handler = {}});
  for (const auto& [written, known] :
       {std::pair{"/v1/models", "/v1/models"}, std::pair{"/v1/models/", "/v1/models"},
        std::pair{"//v1///models//", "/v1/models"}, std::pair{"/models", "/v1/models"},
        std::pair{"/models/", "/v1/models"}, std::pair{"/models/a/b", "/v1/models/a/b"},
        std::pair{"/v1/models//a", "/v1/models/a"},
        std::pair{"/chat/completions", "/v1/chat/completions"},
        std::pair{"/v1/v1/chat/completions", "/v1/chat/completions"},
        std::pair{"/health/", "/health"}, std::pair{"/", "/"}, std::pair{"//", "/"},
        // Nothing is there: it is told of as it was written.
        std::pair{"/nothing/", "/nothing/"}, std::pair{"/v1/health", "/v1/health"},
        std::pair{"/v1/v1/v1/models", "/v1/v1/v1/models"}, std::pair{"v1/models", "v1/models"},
        std::pair{"*", "*"}, std::pair{"", ""}})
    EXPECT_EQ(table.known_path(written), known) << written;
}

TEST(Router, OnlyOpenRoutesAreOpen) {
  const Router table = router();
  EXPECT_TRUE(table.open("/health"));
  EXPECT_FALSE(table.open("/v1/models"));
  EXPECT_FALSE(table.open("/v1/models/health"));
  EXPECT_FALSE(table.open("/nothing"));
}

TEST(Router, ContentTypes) {
  for (const char* type : {"application/json", "Application/JSON",
                           "application/json; charset=utf-8", "application/json ;x"})
    EXPECT_TRUE(is_json(type)) << type;
  for (const char* type : {"", "text/plain", "application/jsonx", "application/json-patch+json",
                           "multipart/form-data", "text/plain; application/json"})
    EXPECT_FALSE(is_json(type)) << type;
}

TEST(ResponseHead, Lines) {
  Response response;
  response.status = 429;
  response.headers.emplace_back("Retry-After", "2");
  const std::string head = make_head(response, {.content_length = 10, .request_id = "req-1"});
  EXPECT_TRUE(head.starts_with("HTTP/1.1 429 Too Many Requests\r\nDate: "));
  EXPECT_NE(head.find(" GMT\r\n"), std::string::npos);
  for (const char* line : {"\r\nContent-Type: application/json\r\n", "\r\nContent-Length: 10\r\n",
                           "\r\nx-request-id: req-1\r\n", "\r\nRetry-After: 2\r\n"})
    EXPECT_NE(head.find(line), std::string::npos) << line;
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_EQ(head.find("Connection"), std::string::npos);
  EXPECT_EQ(head.find("Access-Control"), std::string::npos);  // no CORS unless configured
}

TEST(ResponseHead, ConnectionAndLength) {
  Response empty;
  empty.status = 204;
  empty.content_type.clear();
  const std::string head = make_head(empty, {.keep_alive = false, .content_length = 0});
  EXPECT_EQ(head.find("Content-Length"), std::string::npos);
  EXPECT_EQ(head.find("\nContent-Type"), std::string::npos);
  EXPECT_NE(head.find("Connection: close\r\n"), std::string::npos);
  const std::string old = make_head({}, {.http_1_0 = true, .chunked = false, .content_length = 1});
  EXPECT_TRUE(old.starts_with("HTTP/1.0 200 OK\r\n"));
  EXPECT_NE(old.find("Connection: keep-alive\r\n"), std::string::npos);
  EXPECT_NE(make_head({}, {.chunked = true}).find("Transfer-Encoding: chunked\r\n"),
            std::string::npos);
}

TEST(ResponseHead, Chunks) {
  EXPECT_EQ(make_chunk(""), "");
  EXPECT_EQ(make_chunk("hello"), "5\r\nhello\r\n");
  EXPECT_EQ(make_chunk(std::string(255, 'x')).substr(0, 4), "ff\r\n");
}

}  // namespace
}  // namespace oc::http
