#include "base/system/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

class SystemFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = scratch_path("files");
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path write(const char* name, const char* text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  static std::string text_of(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fs::path folder_;
};

TEST_F(SystemFiles, ALockBelongsToOneDescriptorUntilItIsClosed) {
  const fs::path path = write("a", "");
  const int first = ::open(path.c_str(), O_RDONLY), second = ::open(path.c_str(), O_RDONLY);
  ASSERT_GE(std::min(first, second), 0);
  EXPECT_EQ(try_lock(first), 0);
  EXPECT_EQ(try_lock(second), EWOULDBLOCK);
  ::close(first);
  EXPECT_EQ(try_lock(second), 0);
  ::close(second);
  EXPECT_EQ(try_lock(-1), EBADF);
}

TEST_F(SystemFiles, TimesAreThoseOfTheFile) {
  const fs::path path = write("a", "");
  const timespec times[] = {{1, 2}, {1'700'000'000, 123'456'789}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  // Some file systems keep no single nanoseconds.
  EXPECT_EQ(modified_ns(status) / 1'000'000'000, 1'700'000'000);
  EXPECT_GT(changed_ns(status), modified_ns(status));
}

TEST_F(SystemFiles, TwoNamesAreExchanged) {
  const fs::path a = write("a", "first"), b = write("b", "second");
  const int error = exchange_names(a, b);
  if (error == ENOSYS || error == EINVAL) GTEST_SKIP() << "not on this file system";
  EXPECT_EQ(error, 0);
  EXPECT_EQ(text_of(a), "second");
  EXPECT_EQ(text_of(b), "first");
  EXPECT_EQ(exchange_names(a, folder_ / "none"), ENOENT);
}

TEST_F(SystemFiles, APipeOpenedAgainIsAnotherDescriptor) {
  int ends[2] = {};
  ASSERT_EQ(::pipe(ends), 0);
  const int again = open_again_without_waiting(ends[1]);
  if (again < 0) GTEST_SKIP() << "not on this system";
  EXPECT_NE(::fcntl(again, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(::fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0) << "others have this one";
  for (const int fd : {ends[0], ends[1], again}) ::close(fd);
}

}  // namespace
}  // namespace oc
