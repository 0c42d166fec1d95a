// Pages of mapped files: brought in, kept, and what happens where that cannot be.
#include "io/residency.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "fixtures.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
using test::has;

constexpr std::size_t kMiB = std::size_t{1} << 20;

// How many of a range's pages this process has in its page table.
std::size_t mapped_pages(std::span<const std::byte> range) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const int fd = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  EXPECT_GE(fd, 0);
  const auto first = reinterpret_cast<std::uintptr_t>(range.data()) / page;
  std::vector<std::uint64_t> entries((range.size() + page - 1) / page);
  const auto bytes = static_cast<ssize_t>(entries.size() * 8);
  EXPECT_EQ(::pread(fd, entries.data(), entries.size() * 8, static_cast<off_t>(first * 8)), bytes);
  ::close(fd);
  return static_cast<std::size_t>(
      std::ranges::count_if(entries, [](std::uint64_t entry) { return entry >> 63 != 0; }));
}

// "VmLck" of this process, bytes.
std::size_t locked_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "VmLck:") {
      std::size_t kib = 0;
      status >> kib;
      return kib << 10;
    }
  return 0;
}

class Residency : public test::FolderTest {
 protected:
  void TearDown() override {
    for (const auto& range : ranges_) ::munmap(const_cast<std::byte*>(range.data()), range.size());
    FolderTest::TearDown();
  }

  // A file of `bytes` bytes, mapped; its path.
  fs::path map(std::string_view name, std::size_t bytes) {
    test::write_bytes(folder_ / name, std::string(bytes, 'w'));
    const int fd = ::open((folder_ / name).c_str(), O_RDONLY | O_CLOEXEC);
    void* address = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    EXPECT_NE(address, MAP_FAILED);
    ranges_.emplace_back(static_cast<const std::byte*>(address), bytes);
    return folder_ / name;
  }

  std::size_t pages() const {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    std::size_t total = 0;
    for (const auto& range : ranges_) total += (range.size() + page - 1) / page;
    return total;
  }
  std::size_t present() const {
    std::size_t total = 0;
    for (const auto& range : ranges_) total += mapped_pages(range);
    return total;
  }

  MappedRanges ranges_;
};

TEST_F(Residency, EveryPageOfEveryFileComesIn) {
  map("a", 33 * kMiB + 5);  // three pieces, the last one cut off within a page
  map("b", 1);
  ASSERT_LT(present(), pages()) << "nothing to do";
  std::vector<std::pair<std::size_t, std::size_t>> told;
  EXPECT_TRUE(populate(ranges_, [&](std::size_t done, std::size_t total) {
                told.emplace_back(done, total);
                return true;
              }).value());
  EXPECT_EQ(present(), pages());
  const std::size_t all = 33 * kMiB + 6;
  EXPECT_EQ(told, (std::vector<std::pair<std::size_t, std::size_t>>{
                      {16 * kMiB, all}, {32 * kMiB, all}, {all - 1, all}, {all, all}}));
}

TEST_F(Residency, TouchedPagesAreIn) {
  map("a", 5 * kMiB + 5);
  map("b", 1);
  const auto part = ranges_[0].subspan(100000, 2 * kMiB);
  read_ahead(part);
  touch_pages(part);
  EXPECT_GE(present(), 2 * kMiB / static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
  EXPECT_LT(present(), pages());
  for (const auto& range : ranges_) touch_pages(range);
  EXPECT_EQ(present(), pages());
  read_ahead({});
  touch_pages({});
}

TEST_F(Residency, ItStopsWhenTold) {
  map("a", 40 * kMiB);
  int calls = 0;
  const auto stop = [&](std::size_t, std::size_t) { return ++calls < 2; };
  EXPECT_FALSE(populate(ranges_, stop).value());
  EXPECT_EQ(calls, 2);
  EXPECT_LT(present(), pages());
}

TEST_F(Residency, NothingIsNoWork) {
  EXPECT_TRUE(populate({}, nullptr).value());
  EXPECT_TRUE(lock_in_memory({}).ok());
}

TEST_F(Residency, AFileThatWasCutOffIsAnError) {
  const fs::path path = map("a", 2 * kMiB);
  ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(kMiB)), 0);
  // On Linux before 5.14 pages are touched, and touching these would end the process.
#ifdef MADV_POPULATE_READ
  if (::madvise(const_cast<std::byte*>(ranges_[0].data()), 4096, MADV_POPULATE_READ) != 0)
    GTEST_SKIP() << "this system has no MADV_POPULATE_READ";
  const auto done = populate(ranges_, nullptr);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, ErrorCode::kCorrupt);
  EXPECT_TRUE(has(done.error().message, "cannot be read")) << done.error().message;
#else
  GTEST_SKIP() << "this system has no MADV_POPULATE_READ";
#endif
}

TEST_F(Residency, LockedPagesStay) {
  constexpr std::size_t kBytes = 16 << 10;  // some containers allow 64 KiB only
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
  if (limit.rlim_max < 2 * kBytes) GTEST_SKIP() << "this process may lock no memory";
  map("a", kBytes);
  const std::size_t before = locked_bytes();
  const auto locked = lock_in_memory(ranges_);
  ASSERT_TRUE(locked.ok()) << locked.error().message;
  if (locked_bytes() == before) GTEST_SKIP() << "locks are not counted (a sanitizer's mlock)";
  EXPECT_EQ(locked_bytes(), before + kBytes);
  EXPECT_TRUE(populate(ranges_, nullptr).value());
  EXPECT_EQ(present(), pages());
  // The system refuses to drop them.
  EXPECT_NE(::madvise(const_cast<std::byte*>(ranges_[0].data()), kBytes, MADV_DONTNEED), 0);
}

// In a process of its own, without the rights that root has.
int status_of(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(99);
    ::_exit(body());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(Residency, ASoftLimitIsRaised) {
  map("a", 16 << 10);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
  if (limit.rlim_max < 32 << 10) GTEST_SKIP() << "this process may lock no memory";
  EXPECT_EQ(status_of([&] {
              limit.rlim_cur = 0;
              if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) return 98;
              return lock_in_memory(ranges_).ok() ? 0 : 1;
            }),
            0);
}

TEST_F(Residency, ALimitThatForbidsItIsExplained) {
  map("a", 3 * kMiB);
  EXPECT_EQ(status_of([&] {
              const rlimit limit{kMiB, kMiB};
              if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) return 98;
              const auto locked = lock_in_memory(ranges_);
              if (locked.ok()) return locked_bytes() == 0 ? 77 : 1;  // a sanitizer's mlock
              const Error& error = locked.error();
              if (error.code != ErrorCode::kUnavailable) return 2;
              if (!has(error.message, "3 MiB") || !has(error.message, "may lock 1 MiB")) return 3;
              return has(error.hint, "ulimit -l") && has(error.hint, "--preload") ? 0 : 4;
            }) % 77,
            0);
}

}  // namespace
}  // namespace oc
