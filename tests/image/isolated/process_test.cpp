// The helper: what it may do, how it ends, and that nothing of it is left.
#include "image/isolated/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <random>
#include <sstream>
#include <thread>

#include "tests/image/isolated/odd_helper.h"
#include "tests/image/isolated/picture_files.h"

namespace oc {
namespace {

using namespace std::chrono_literals;
using test::error_of;
using test::has;

constexpr std::size_t kMemory = 24u << 20;
const PixelRequest kRequest{
    .coder = Coder::kTiff, .samples = Samples::kRgb, .width = 40, .height = 30};

Result<HelperPixels> ask(const std::string& what, const Interrupt& interrupt = {}) {
  const std::string file = std::string(test::kOdd) + what;
  const ImageInfo info{.format = ImageFormat::kTiff, .width = 40, .height = 30};
  const ImageLimits limits;
  const ImageReading reading;
  return run_helper({test::as_bytes(file), info, limits, reading, interrupt}, kRequest, kMemory);
}

// No child of this process, ended or not.
void expect_nobody_left() {
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

// Empty also where the process ends meanwhile: a stream's buffer throws then.
std::string text_of(const std::string& path) {
  std::string text;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  char bytes[4096];
  for (ssize_t got = 0; fd >= 0 && (got = ::read(fd, bytes, sizeof bytes)) > 0;)
    text.append(bytes, static_cast<std::size_t>(got));
  if (fd >= 0) ::close(fd);
  return text;
}
// The parent of a process, as /proc has it; 0: it is not there.
int parent_of(int pid) {
  const std::string stat = text_of("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t end = stat.rfind(')');
  if (end == std::string::npos) return 0;
  std::istringstream rest(stat.substr(end + 1));
  char state = 0;
  int parent = 0;
  rest >> state >> parent;
  return state == 'Z' ? 0 : parent;
}
std::vector<int> children_of(int pid) {
  std::vector<int> out;
  // Processes come and go while it is read, which an iterator of std::filesystem throws at.
  DIR* const folder = ::opendir("/proc");
  if (folder == nullptr) return out;
  while (const dirent* const entry = ::readdir(folder)) {
    const int other = std::atoi(entry->d_name);
    if (other > 0 && parent_of(other) == pid) out.push_back(other);
  }
  ::closedir(folder);
  return out;
}
// Waits until it is so; false: it never was.
template <class Condition>
bool becomes(const Condition& condition) {
  const auto last = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > last) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}
bool has_proc() { return parent_of(::getpid()) == ::getppid(); }

TEST(Helper, GivesThePixels) {
  const auto pixels = ask("fill");
  ASSERT_TRUE(pixels.ok()) << pixels.error().describe();
  ASSERT_EQ(pixels->pixels().size(), 40u * 30 * 3);
  for (const std::uint8_t value : pixels->pixels()) EXPECT_EQ(value, 77);
  expect_nobody_left();
}

TEST(Helper, WhatEndsItselfIsADamagedPicture) {
  for (const char* way : {"crash", "abort", "status", "quit", "lie"}) {
    const Error error = error_of(ask(way));
    EXPECT_EQ(error.code, ErrorCode::kCorrupt) << way;
    EXPECT_EQ(error.message, "the TIFF picture is damaged or cut off") << way;
    expect_nobody_left();
  }
}

TEST(Helper, AForbiddenCallEndsIt) {
#if defined(__linux__) && !defined(OC_SANITIZED)
  for (const char* call : {"socket", "open", "fork", "exec", "kill", "execute", "thread", "shrink"})
    EXPECT_EQ(error_of(ask(call)).code, ErrorCode::kCorrupt) << call;
  expect_nobody_left();
#else
  GTEST_SKIP() << "nothing is locked here";
#endif
}

TEST(Helper, MemoryAndTimeAreBounded) {
#ifndef OC_SANITIZED
  for (const char* way : {"eat", "throw"}) {
    const Error error = error_of(ask(way));
    EXPECT_EQ(error.code, ErrorCode::kTooLarge) << way;
    EXPECT_TRUE(has(error.message, "more memory")) << error.message;
  }
  const Error error = error_of(ask("spin"));
  EXPECT_EQ(error.code, ErrorCode::kTooLarge);
  EXPECT_TRUE(has(error.message, "more than 2 s of CPU")) << error.message;
  expect_nobody_left();
#endif
}

TEST(Helper, WhoeverLeavesEndsIt) {
  std::atomic<bool> left = false;
  const Interrupt interrupt{.cancelled = [&] { return left.load(); }};
  std::thread leaver([&] {
    if (has_proc()) becomes([] { return !children_of(::getpid()).empty(); });
    left = true;
  });
  const auto cancelled = ask("spin", interrupt);
  leaver.join();
  EXPECT_EQ(error_of(cancelled).code, ErrorCode::kCancelled);
  expect_nobody_left();
  const auto late = ask("spin", {.deadline = std::chrono::steady_clock::now() + 30ms});
  EXPECT_EQ(error_of(late).code, ErrorCode::kDeadline);
  expect_nobody_left();
}

TEST(Helper, HasNothingOfItsParent) {
  if (!has_proc()) GTEST_SKIP() << "no /proc";
  const int kept = ::open("/dev/null", O_RDONLY);  // without FD_CLOEXEC
  ::setenv("OC_SECRET", "1", 1);
  std::atomic<bool> seen = false;
  std::thread other([&] {
    int pid = 0;
    [[maybe_unused]] const auto is_locked = [&] {
      const std::vector<int> children = children_of(::getpid());
      if (children.empty()) return false;
      pid = children.front();
      return has(text_of("/proc/" + std::to_string(pid) + "/status"), "Seccomp:\t2");
    };
#ifdef OC_SANITIZED
    becomes([&] { return !children_of(::getpid()).empty(); });
#else
    EXPECT_TRUE(becomes(is_locked));
    const std::string folder = "/proc/" + std::to_string(pid);
    std::vector<std::string> descriptors;
    for (const auto& entry : std::filesystem::directory_iterator(folder + "/fd"))
      descriptors.push_back(entry.path().filename());
    std::ranges::sort(descriptors);
    EXPECT_EQ(descriptors, (std::vector<std::string>{"0", "1", "2", "3", "4"}));
    EXPECT_EQ(text_of(folder + "/environ"), "");
    EXPECT_TRUE(has(text_of(folder + "/status"), "NoNewPrivs:\t1"));
    EXPECT_NE(::getpgid(pid), ::getpgrp());
#endif
    seen = true;
  });
  const auto ended = ask("spin", {.cancelled = [&] { return seen.load(); }});
  other.join();
  EXPECT_EQ(error_of(ended).code, ErrorCode::kCancelled);
  ::unsetenv("OC_SECRET");
  ::close(kept);
}

TEST(Helper, DiesWithItsParent) {
#if defined(__linux__)
  if (!has_proc()) GTEST_SKIP() << "no /proc";
  const pid_t parent = ::fork();
  if (parent == 0) {
    static_cast<void>(ask("spin"));
    ::_exit(0);
  }
  int helper = 0;
  EXPECT_TRUE(becomes([&] {
    const std::vector<int> children = children_of(parent);
    if (!children.empty()) helper = children.front();
#ifdef OC_SANITIZED
    return helper != 0;
#else
    return helper != 0 &&
           has(text_of("/proc/" + std::to_string(helper) + "/status"), "Seccomp:\t2");
#endif
  }));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_TRUE(becomes([&] { return parent_of(helper) == 0; }));
#else
  GTEST_SKIP() << "there it ends when its time is up";
#endif
}

#if defined(__linux__) && defined(SYS_pidfd_open)
// A helper of this process, killed; false: there was none. By a descriptor, so that nobody else who
// got its number meanwhile is.
bool kill_one(std::mt19937& random) {
  std::vector<int> children = children_of(::getpid());
  if (children.empty()) return false;
  const int pid = children[random() % children.size()];
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return false;
  const bool killed = parent_of(pid) == ::getpid() &&
                      ::syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0) == 0;
  ::close(fd);
  return killed;
}

TEST(Helper, KilledFromOutsideOnlyItsOwnPictureIsLost) {
  if (!has_proc()) GTEST_SKIP() << "no /proc";
  std::vector<std::string> files;
  std::vector<Image> right;
  for (const char* name : {"grid.heic", "alpha.heic", "grid.avif", "alpha.avif"}) {
    const std::string file = test::picture_file(name);
    auto image = test::decode(file);
    if (!image.ok()) continue;  // not built in
    files.push_back(file);
    right.push_back(*std::move(image));
  }
  if (files.empty()) GTEST_SKIP() << "not built in";
#ifdef OC_SANITIZED
  constexpr int kKills = 20;
#else
  constexpr int kKills = 200;
#endif
  std::atomic<int> kills = 0, wrong = 0, lost = 0, good = 0;
  std::atomic<bool> enough = false;
  std::vector<std::thread> workers;
  for (std::size_t n = 0; n < 4; ++n)
    workers.emplace_back([&, n] {
      for (std::size_t i = n; !enough; i = (i + 1) % files.size()) {
        const auto image = test::decode(files[i]);
        if (image.ok())
          ++(test::difference(*image, right[i]) == 0 ? good : wrong);
        else if (image.error().code == ErrorCode::kUnavailable &&
                 image.error().message == "the picture's decoder was ended from outside")
          ++lost;
        else
          ++wrong;
      }
    });
  std::mt19937 random(1);
  const auto last = std::chrono::steady_clock::now() + 240s;
  while (kills < kKills && std::chrono::steady_clock::now() < last) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 15000));
    if (kill_one(random)) ++kills;
  }
  enough = true;
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(kills, kKills);
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(lost, kills) << "none but its own";
  EXPECT_GT(lost, 0);
  EXPECT_GT(good, 0);
  RecordProperty("lost", lost);
  RecordProperty("good", good);
  expect_nobody_left();
}
#endif

TEST(Helper, AProgramThatIsNoneIsNotStartedAgain) {
  const char* const none[] = {"program"};
  EXPECT_FALSE(is_image_helper(1, none));
  const char* const one[] = {"program", kHelperArgument};
  EXPECT_TRUE(is_image_helper(2, one));
  const char* const more[] = {"program", kHelperArgument, "x"};
  EXPECT_FALSE(is_image_helper(3, more));
  EXPECT_TRUE(can_be_image_helper());
}

// What is counted for a picture holds the block and all that the helper may take.
TEST(Helper, IsCounted) {
  for (const char* name : {"slope.heic", "grid.heic", "alpha.avif", "grey.avif"}) {
    const std::string file = test::picture_file(name);
    const auto info = test::probe(file);
    if (!info.ok()) continue;
    const auto pixels = static_cast<std::size_t>(info->width * info->height);
    EXPECT_GE(
        pixels * 3 + info->working_bytes,
        kFileAt + file.size() + pixels * static_cast<std::size_t>(info->channels) + kHelperBytes)
        << name;
    EXPECT_FALSE(test::probe(file, {.max_memory = info->working_bytes}).ok());
  }
}

}  // namespace
}  // namespace oc
