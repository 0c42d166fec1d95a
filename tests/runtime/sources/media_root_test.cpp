#include "runtime/sources/media_root.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

class MediaRootTest : public ::testing::Test {
 protected:
  MediaRootTest() : base_(scratch_path("media-root")) {
    fs::remove_all(base_);
    fs::create_directories(base_ / "open/sub");
    write("open/a.png", "a");
    write("open/sub/b c.png", "b");
    write("secret.png", "secret");
    write("open.png", "beside");
  }
  ~MediaRootTest() override { fs::remove_all(base_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(base_ / name) << text;
  }
  // The bytes, or what is wrong in brackets.
  std::string get(const std::string& address, std::size_t max_bytes = 1000) const {
    const auto root = MediaRoot::open(base_ / "open");
    EXPECT_TRUE(root.ok());
    return get(*root, address, max_bytes);
  }
  static std::string get(const MediaRoot& root, const std::string& address, std::size_t max_bytes) {
    const auto path = root.read(address);
    if (!path.ok()) return "(" + path.error().message + ")";
    const Interrupt none;
    const auto bytes = root.fetch(*path, {"", none, max_bytes, "--limit", {}});
    if (!bytes.ok()) return "(" + bytes.error().message + ")";
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }
  std::string path(const std::string& name) const { return (base_ / name).string(); }

  const fs::path base_;
};

TEST_F(MediaRootTest, FilesBelowItByPathAndAddress) {
  EXPECT_EQ(get("a.png"), "a");
  EXPECT_EQ(get("./sub/b c.png"), "b");
  EXPECT_EQ(get("sub/../a.png"), "a");
  EXPECT_EQ(get(path("open/a.png")), "a");
  EXPECT_EQ(get("file://" + path("open/a.png")), "a");
  EXPECT_EQ(get("FILE://LocalHost" + path("open/sub/b%20c.png")), "b");
  EXPECT_EQ(get("file:" + path("open/a.png")), "a");
  EXPECT_EQ(get("file:a.png"), "a");
}

TEST_F(MediaRootTest, NothingElse) {
  for (const std::string& bad : {std::string("../secret.png"),
                                 std::string("sub/../../secret.png"),
                                 std::string("/etc/passwd"),
                                 std::string("file:///etc/passwd"),
                                 std::string("file://host/etc/passwd"),
                                 path("secret.png"),
                                 path("open.png"),
                                 path("open/../secret.png"),
                                 "file://" + path("open/%2e%2e/secret.png"),
                                 path("open/..%2fsecret.png"),
                                 path("open"),
                                 path("open/"),
                                 std::string(""),
                                 std::string("."),
                                 std::string("sub"),
                                 std::string("none.png"),
                                 std::string("a.png/"),
                                 std::string("a.png/x"),
                                 std::string("/proc/self/environ"),
                                 std::string("~/secret.png"),
                                 "file://" + path("open/a.png%"),
                                 "file://" + path("open/a.png%00.jpg"),
                                 std::string("a.png\0b", 7),
                                 std::string(5000, 'a')})
    EXPECT_EQ(get(bad).front(), '(') << bad;
  // Whether there is something is not told of what lies outside.
  EXPECT_EQ(get("../secret.png"), get("../none.png"));
  EXPECT_EQ(get("/etc/passwd"), get("/etc/none"));
  EXPECT_EQ(get("/etc/passwd").find("/"), std::string::npos);
}

TEST_F(MediaRootTest, NoLinkLeadsOut) {
  fs::create_symlink("../secret.png", base_ / "open/out.png");
  fs::create_symlink(base_ / "secret.png", base_ / "open/absolute.png");
  fs::create_directory_symlink("..", base_ / "open/up");
  fs::create_symlink("/proc/self/environ", base_ / "open/proc");
  fs::create_directory_symlink("/proc/self/root", base_ / "open/magic");
  for (const char* bad :
       {"out.png", "absolute.png", "up/secret.png", "up/open/a.png", "proc", "magic/etc/passwd"})
    EXPECT_EQ(get(bad).front(), '(') << bad;
}

TEST_F(MediaRootTest, RegularFilesOnly) {
  ASSERT_EQ(::mkfifo(path("open/pipe").c_str(), 0600), 0);
  EXPECT_EQ(get("pipe"), "(it is no regular file)");
  EXPECT_EQ(get("sub"), "(it is no regular file)");
  write("open/empty.png", "");
  EXPECT_EQ(get("empty.png"), "(the file is empty)");
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string socket = path("open/socket");
  if (socket.size() < sizeof name.sun_path) {
    socket.copy(name.sun_path, socket.size());
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    EXPECT_EQ(get("socket"), "(the file may not be read)");
  }
  ::close(fd);
}

TEST_F(MediaRootTest, Bounded) {
  write("open/large.png", std::string(1001, 'a'));
  EXPECT_EQ(get("large.png"), "(the picture has more than 1000 bytes)");
  EXPECT_EQ(get("large.png", 1001).size(), 1001u);
}

TEST_F(MediaRootTest, StaysTheFolderThatItWas) {
  const auto root = MediaRoot::open(base_ / "open");
  ASSERT_TRUE(root.ok());
  fs::rename(base_ / "open", base_ / "moved");
  fs::create_directory(base_ / "open");
  write("open/a.png", "other");
  EXPECT_EQ(get(*root, "a.png", 1000), "a");
  EXPECT_FALSE(MediaRoot::open(base_ / "none").ok());
  EXPECT_FALSE(MediaRoot::open(base_ / "secret.png").ok());
}

// A folder that is exchanged with a link while it is read, some thousands of times.
TEST_F(MediaRootTest, NoRaceLeadsOut) {
  fs::create_directory(base_ / "outside");
  write("outside/b.png", "secret");
  write("open/sub/b.png", "b");
  fs::create_directory_symlink("../outside", base_ / "open/link");
  const auto root = MediaRoot::open(base_ / "open");
  ASSERT_TRUE(root.ok());
  std::atomic<bool> over{false};
  std::thread changing([&] {
    std::error_code ignored;
    while (!over) {
      fs::rename(base_ / "open/sub", base_ / "open/away", ignored);
      fs::rename(base_ / "open/link", base_ / "open/sub", ignored);
      fs::rename(base_ / "open/sub", base_ / "open/link", ignored);
      fs::rename(base_ / "open/away", base_ / "open/sub", ignored);
    }
  });
  for (int i = 0; i < 2000; ++i) {
    const std::string got = get(*root, "sub/b.png", 1000);
    EXPECT_TRUE(got == "b" || got.front() == '(') << got;
  }
  over = true;
  changing.join();
}

}  // namespace
}  // namespace oc
