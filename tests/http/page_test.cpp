#include "http/page.h"

#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

#include "tests/http/raw_client.h"

namespace oc::http {
namespace {

// The value of a header of the answer; nullopt when it has none.
std::optional<std::string> header_of(const std::string& response, const std::string& name) {
  const std::string head = response.substr(0, response.find("\r\n\r\n") + 2);
  const std::size_t at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return std::nullopt;
  const std::size_t begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

std::string path_of(const WebFile& file) {
  if (file.name == "reference.html") return "/docs";
  return "/" + std::string(file.name == "index.html" ? "" : file.name);
}

const WebFile& file_named(std::string_view name) {
  for (const WebFile& file : web_files())
    if (file.name == name) return file;
  throw std::runtime_error("not embedded");
}

// A server that wants a key for everything else.
struct PageTest : testing::Test {
  std::unique_ptr<TestServer> server;
  PageTest() {
    Router router;
    add_page(router);
    add_reference_page(router);
    server = std::make_unique<TestServer>(ServerOptions{}, std::move(router),
                                          AccessPolicy({"key"}, {}), ServerHooks{});
  }
  std::string ask(const std::string& line, const std::string& headers = "Host: localhost\r\n") {
    RawClient client(server->port());
    client.send(line + " HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n");
    return client.read_all();
  }
};

TEST_F(PageTest, EveryFileIsServedAsItIs) {
  ASSERT_GE(web_files().size(), 5u);
  for (const WebFile& file : web_files()) {
    const bool example = file.name == "shapes.png";
    std::ifstream in(
        std::string(OC_SOURCE_DIR) + (example ? "/examples/" : "/web/") + std::string(file.name),
        std::ios::binary);
    const std::string on_disk{std::istreambuf_iterator<char>(in), {}};
    ASSERT_FALSE(on_disk.empty()) << file.name;
    const std::string response = ask("GET " + path_of(file));
    EXPECT_EQ(status_of(response), 200) << file.name;
    EXPECT_TRUE(body_of(response) == on_disk) << file.name;
    EXPECT_EQ(header_of(response, "Content-Length"), std::to_string(on_disk.size()));
    std::string digest;
    for (const unsigned char byte :
         std::span(SHA256(reinterpret_cast<const unsigned char*>(on_disk.data()), on_disk.size(),
                          nullptr),
                   32)) {
      digest += "0123456789abcdef"[byte >> 4];
      digest += "0123456789abcdef"[byte & 15];
    }
    EXPECT_EQ(file.sha256, digest) << file.name;
  }
}

TEST_F(PageTest, TypesAreRight) {
  const std::pair<std::string_view, std::string_view> kTypes[] = {
      {".html", "text/html; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".mjs", "text/javascript; charset=utf-8"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".LICENSE", "text/plain; charset=utf-8"},
  };
  for (const char* name : {"index.html", "app.js", "style.css", "icon.svg", "shapes.png"})
    EXPECT_EQ(file_named(name).name, name);
  for (const WebFile& file : web_files()) {
    const auto type = std::ranges::find_if(
        kTypes, [&](const auto& each) { return file.name.ends_with(each.first); });
    ASSERT_NE(type, std::end(kTypes)) << file.name;
    EXPECT_EQ(header_of(ask("GET " + path_of(file)), "Content-Type"), type->second) << file.name;
  }
}

TEST_F(PageTest, NothingButItsOwnServerAndNoStrangersFrame) {
  for (const WebFile& file : web_files()) {
    const std::string response = ask("GET " + path_of(file));
    EXPECT_EQ(
        header_of(response, "Content-Security-Policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    EXPECT_EQ(header_of(response, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(header_of(response, "Referrer-Policy"), "no-referrer");
    EXPECT_EQ(header_of(response, "X-Frame-Options"), "DENY");
    EXPECT_EQ(header_of(response, "Cross-Origin-Resource-Policy"), "same-origin");
  }
}

TEST_F(PageTest, ABrowserKeepsTheFilesAndAsksWhetherTheyAreTheSame) {
  const std::string whole = ask("GET /app.js");
  EXPECT_EQ(header_of(whole, "Cache-Control"), "no-cache");
  EXPECT_FALSE(has(whole, "no-store"));
  const std::string etag = header_of(whole, "ETag").value_or("");
  ASSERT_GT(etag.size(), 10u);
  EXPECT_NE(header_of(ask("GET /style.css"), "ETag"), etag);
  for (const std::string& tags :
       {etag, "W/" + etag, "\"other\", " + etag + " ", "\"a\",\t" + etag, std::string("*")}) {
    const std::string same =
        ask("GET /app.js", "Host: localhost\r\nIf-None-Match: " + tags + "\r\n");
    EXPECT_TRUE(has(same, "HTTP/1.1 304 Not Modified\r\n")) << tags;
    EXPECT_EQ(body_of(same), "") << tags;
    EXPECT_EQ(header_of(same, "ETag"), etag) << tags;
    EXPECT_EQ(header_of(same, "Cache-Control"), "no-cache") << tags;
    EXPECT_EQ(header_of(same, "Content-Length"), std::nullopt) << tags;
    EXPECT_EQ(header_of(same, "Content-Type"), std::nullopt) << tags;
  }
  for (const std::string& tags : {std::string("\"other\""), std::string("W/"), std::string(","),
                                  etag.substr(0, etag.size() - 1), etag.substr(1)})
    EXPECT_EQ(status_of(ask("GET /app.js", "Host: localhost\r\nIf-None-Match: " + tags + "\r\n")),
              200)
        << tags;
}

TEST_F(PageTest, NoKeyIsWantedForThePageAndOneForAllElse) {
  EXPECT_EQ(status_of(ask("GET /")), 200);
  EXPECT_EQ(status_of(ask("GET /?from=bookmark")), 200);
  EXPECT_EQ(status_of(ask("GET /app.js/")), 200);
  for (const char* path : {"/web/app.js", "/../app.js", "/index.html/.."})
    EXPECT_EQ(status_of(ask(std::string("GET ") + path)), 401) << path;
}

TEST_F(PageTest, AnotherHostNameIsRefusedHereToo) {
  EXPECT_EQ(status_of(ask("GET /", "Host: rebound.example.com\r\n")), 403);
}

TEST_F(PageTest, OtherMethods) {
  const std::string head = ask("HEAD /app.js");
  EXPECT_EQ(status_of(head), 200);
  EXPECT_EQ(header_of(head, "Content-Length"), std::to_string(file_named("app.js").bytes.size()));
  EXPECT_EQ(body_of(head), "");
  const std::string post = ask("POST /", "Host: localhost\r\nContent-Length: 0\r\n");
  EXPECT_EQ(status_of(post), 405);
  EXPECT_EQ(header_of(post, "Allow"), "GET, HEAD, OPTIONS");
}

TEST(PageFiles, NothingInlineAndNothingFromElsewhere) {
  const std::string_view html = file_named("index.html").bytes;
  for (const char* unwanted :
       {"<style", " style=", " onclick", " onload", " onerror", "javascript:"})
    EXPECT_FALSE(has(html, unwanted)) << unwanted;
  for (std::size_t at = html.find("<script"); at != std::string_view::npos;
       at = html.find("<script", at + 1))
    EXPECT_TRUE(html.substr(at).starts_with("<script src=\"app.js\" type=\"module\"></script>"));
  for (const WebFile& file : web_files()) {
    if (file.name.ends_with(".png") || file.name.starts_with("vendor/")) continue;
    for (const char* unwanted : {"https://", "//cdn", "innerHTML", "outerHTML",
                                 "insertAdjacentHTML", "document.write", "eval(", "@import"})
      EXPECT_FALSE(has(file.bytes, unwanted)) << file.name << ": " << unwanted;
  }
}

}  // namespace
}  // namespace oc::http
