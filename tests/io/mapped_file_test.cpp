#include "io/mapped_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>

#include "io/safetensors.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPage = 65536;  // a multiple of every system's

class MappedFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = scratch_path_of_test("mapped-file");
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // A file of `pages` pages of ones, written a while ago: a change is not of the same instant.
  fs::path write(const std::string& name, std::size_t pages) {
    const fs::path path = folder_ / name;
    std::ofstream(path) << std::string(pages * kPage, '\1');
    const timespec before[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    EXPECT_EQ(::utimensat(AT_FDCWD, path.c_str(), before, 0), 0);
    return path;
  }
  static std::shared_ptr<const MappedFile> open(const fs::path& path) {
    auto file = MappedFile::open(path);
    EXPECT_TRUE(file.ok());
    return *file;
  }
  static int at(const MappedFile& file, std::size_t offset) {
    return static_cast<int>(
        *(static_cast<const volatile std::byte*>(file.bytes().data()) + offset));
  }

  fs::path folder_;
};

TEST_F(MappedFileTest, WhatIsCutOffBecomesZerosAndIsTold) {
  const fs::path path = write("model.safetensors", 8);
  const auto file = open(path);
  EXPECT_EQ(at(*file, 7 * kPage), 1);
  EXPECT_TRUE(file->intact().ok());
  fs::resize_file(path, 4 * kPage);
  EXPECT_EQ(at(*file, 6 * kPage + 17), 0) << "and the process lives";
  EXPECT_EQ(untold_loss(), "model.safetensors");
  const auto whole = file->intact();
  ASSERT_FALSE(whole.ok());
  EXPECT_EQ(whole.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(whole.error().message,
            "model.safetensors: was cut off while it was read, or its disk failed");
  EXPECT_FALSE(untold_loss().has_value()) << "it was told";
  EXPECT_EQ(at(*file, 0), 1) << "what lies before stays";
  EXPECT_EQ(at(*file, 8 * kPage - 1), 0);
  // Whole again, but what was read in between was not.
  std::ofstream(path) << std::string(8 * kPage, '\1');
  EXPECT_FALSE(file->intact().ok());
}

TEST_F(MappedFileTest, WhatNobodyHasTouchedYetIsToldToo) {
  const fs::path path = write("a", 4);
  const auto file = open(path);
  fs::resize_file(path, 4 * kPage - 1);  // the rest of its page reads as zero, without a signal
  const auto whole = file->intact();
  ASSERT_FALSE(whole.ok());
  EXPECT_EQ(whole.error().message, "a: had 262144 bytes when it was opened and has 262143 now");
}

TEST_F(MappedFileTest, AFileThatWasWrittenAnewInPlaceIsAnotherOne) {
  const fs::path path = write("a", 4);
  const auto file = open(path);
  fs::resize_file(path, 0);
  fs::resize_file(path, 4 * kPage);  // zeros, and no page is missing
  EXPECT_EQ(at(*file, kPage), 0);
  const auto whole = file->intact();
  ASSERT_FALSE(whole.ok());
  EXPECT_EQ(whole.error().message, "a: was written to while it was read");
}

TEST_F(MappedFileTest, AFileThatWasReplacedOrRemovedStaysAsItWas) {
  const fs::path path = write("a", 4);
  const auto file = open(path);
  fs::rename(write("b", 2), path);
  EXPECT_TRUE(file->intact().ok());
  EXPECT_EQ(at(*file, 3 * kPage), 1);
  fs::remove(path);
  EXPECT_TRUE(file->intact().ok());
  EXPECT_EQ(at(*file, 3 * kPage), 1);
}

TEST_F(MappedFileTest, OthersAreNotTouched) {
  const fs::path path = write("a", 4);
  const auto lost = open(path), same = open(write("b", 4)), again = open(path);
  fs::resize_file(path, 0);
  EXPECT_EQ(at(*lost, 0), 0);
  EXPECT_FALSE(lost->intact().ok());
  EXPECT_TRUE(same->intact().ok());
  EXPECT_EQ(at(*same, 3 * kPage), 1);
  EXPECT_FALSE(again->intact().ok()) << "its size says so, before it is touched";
}

// As the pool and the threads that read ahead do, while files come and go.
TEST_F(MappedFileTest, ManyThreadsLoseTheSameFile) {
  const fs::path other = write("other", 1);
  for (int round = 0; round < 20; ++round) {
    const fs::path path = write("a", 16);
    const auto file = open(path);
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        while (!stop)
          for (std::size_t page = 0; page < 16; ++page) static_cast<void>(at(*file, page * kPage));
      });
    std::thread opener([&] {
      while (!stop) static_cast<void>(open(other)->intact());
    });
    fs::resize_file(path, static_cast<std::uintmax_t>(round % 16) * kPage);
    while (at(*file, 15 * kPage) != 0) std::this_thread::yield();
    stop = true;
    for (std::thread& thread : threads) thread.join();
    opener.join();
    EXPECT_FALSE(file->intact().ok());
  }
}

TEST_F(MappedFileTest, ClosedFilesLeaveNothingBehind) {
  const fs::path path = write("a", 1);
  for (int i = 0; i < 2000; ++i) EXPECT_EQ(at(*open(path), 0), 1);
}

TEST_F(MappedFileTest, WhatCannotBeMappedIsRefused) {
  EXPECT_EQ(MappedFile::open(folder_).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(MappedFile::open(folder_ / "none").error().code, ErrorCode::kNotFound);
  std::ofstream(folder_ / "empty").flush();
  EXPECT_EQ(MappedFile::open(folder_ / "empty").error().message, "empty: has only 0 bytes");
  EXPECT_EQ(MappedFile::open(write("a", 1), kPage + 1).error().message, "a: has only 65536 bytes");
}

// Any other bus error is a crash as before, with a line.
TEST_F(MappedFileTest, AnotherBusErrorEndsTheProcessWithALine) {
  const auto file = open(write("a", 1));
  const fs::path path = write("b", 4);
  EXPECT_DEATH(
      {
        const int fd = ::open(path.c_str(), O_RDONLY);
        void* mapped = ::mmap(nullptr, 4 * kPage, PROT_READ, MAP_SHARED, fd, 0);
        fs::resize_file(path, 0);
        static_cast<void>(*static_cast<volatile char*>(mapped));
      },
      "SIGBUS at 0x[0-9a-f]{16}, which is in no model's file");
  EXPECT_EXIT(
      {
        std::signal(SIGABRT, SIG_DFL);
        ::kill(::getpid(), SIGBUS);
        std::exit(0);
      },
      [](int status) { return !WIFEXITED(status) || WEXITSTATUS(status) != 0; },
      "SIGBUS at 0x0000000000000000");
}

TEST_F(MappedFileTest, TensorsComeFromIt) {
  const std::vector<float> values(1 << 16, 2.0f);
  const TensorView tensor{"w", DType::kF32, Shape{1 << 16}, std::as_bytes(std::span(values)), ""};
  const fs::path path = folder_ / "model.safetensors";
  ASSERT_TRUE(write_safetensors(path, std::span(&tensor, 1)).ok());
  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE((*file)->intact().ok());
  fs::resize_file(path, 4096);
  EXPECT_EQ(std::ranges::count((*file)->find("w")->data.last(4), std::byte{0}), 4);
  EXPECT_FALSE((*file)->intact().ok());
}

}  // namespace
}  // namespace oc
