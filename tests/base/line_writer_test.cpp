#include "base/line_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace oc {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLong{60'000};  // only against hanging

std::string gap_line(std::uint64_t dropped) { return fmt::format("gap {}\n", dropped); }

// Two connected descriptors, and what comes out of the other end.
struct Pair {
  enum class Kind { kPipe, kSocket };
  explicit Pair(Kind kind) {
    const int made = kind == Kind::kPipe ? ::pipe(fds.data())
                                         : ::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data());
    EXPECT_EQ(made, 0);
  }
  ~Pair() {
    close_reader();
    ::close(fds[1]);
  }
  void close_reader() {
    if (fds[0] >= 0) ::close(fds[0]);
    fds[0] = -1;
  }
  int writer() const { return fds[1]; }
  std::size_t readable() const {
    int bytes = 0;
    EXPECT_EQ(::ioctl(fds[0], FIONREAD, &bytes), 0);
    return static_cast<std::size_t>(bytes);
  }
  // Everything, until nothing has come for a while and `writer` holds nothing back.
  std::string read_all(LineWriter& from) const {
    std::string text;
    std::array<char, 65536> block;
    for (;;) {
      pollfd wanted{fds[0], POLLIN, 0};
      if (::poll(&wanted, 1, 200) > 0) {
        const ssize_t got = ::read(fds[0], block.data(), block.size());
        if (got <= 0) return text;
        text.append(block.data(), static_cast<std::size_t>(got));
      } else if (from.flush(milliseconds(0))) {
        return text;
      }
    }
  }
  std::array<int, 2> fds{-1, -1};
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

class LineWriterTest : public testing::TestWithParam<Pair::Kind> {};

TEST_P(LineWriterTest, ALineIsOutWhenWriteReturns) {
  Pair pair(GetParam());
  LineWriter writer(pair.writer(), {});
  writer.write("one\n");
  std::array<char, 16> block{};
  ASSERT_EQ(::read(pair.fds[0], block.data(), block.size()), 4);
  EXPECT_TRUE(writer.flush(milliseconds(0)));
}

// Nobody reads: every call returns, memory is bounded, and afterwards each line is either there, in
// order, or counted where it is missing.
TEST_P(LineWriterTest, AReaderThatStandsStillKeepsNobodyWaiting) {
  constexpr int kLines = 50'000;
  constexpr std::size_t kMax = 256 << 10;
  Pair pair(GetParam());
  LineWriter writer(pair.writer(), {.max_bytes = kMax, .gap = gap_line});
  for (int i = 0; i < kLines; ++i)
    writer.write(fmt::format("line {} of some length, as a request has it\n", i));
  EXPECT_FALSE(writer.flush(milliseconds(10)));
  const std::uint64_t dropped = writer.dropped();
  EXPECT_GT(dropped, 0u);

  const std::size_t in_pipe = pair.readable();  // the system's; the rest has waited in memory
  std::string text = pair.read_all(writer);
  EXPECT_TRUE(writer.flush(kLong));
  EXPECT_GT(text.size(), kMax / 2) << "what may wait is kept";
  EXPECT_LE(text.size() - in_pipe, kMax + 100) << "and a line that says what is missing";
  writer.write("line 50000 is the last\n");
  text += pair.read_all(writer);
  int next = 0, gaps = 0;
  std::uint64_t missing = 0;
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with("gap ")) {
      ++gaps;
      const int count = std::atoi(line.c_str() + 4);
      missing += static_cast<std::uint64_t>(count);
      next += count;
    } else {
      ASSERT_TRUE(line.starts_with(fmt::format("line {} ", next))) << line << ", not " << next;
      ++next;
    }
  }
  EXPECT_EQ(next, kLines + 1);
  EXPECT_EQ(missing, dropped);
  EXPECT_EQ(writer.dropped(), dropped);
  EXPECT_EQ(gaps, 1);
}

TEST_P(LineWriterTest, TheEndDoesNotWaitForAReaderEither) {
  Pair pair(GetParam());
  {
    LineWriter writer(pair.writer(), {});
    for (int i = 0; i < 20'000; ++i) writer.write("a line that nobody reads\n");
    EXPECT_FALSE(writer.flush(milliseconds(1)));
  }
  SUCCEED() << "the destructor has returned";
}

TEST_P(LineWriterTest, AReaderThatHasGoneCostsNothing) {
  Pair pair(GetParam());
  std::signal(SIGPIPE, SIG_IGN);
  LineWriter writer(pair.writer(), {.gap = gap_line});
  pair.close_reader();
  for (int i = 0; i < 1000; ++i) writer.write("nobody\n");
  EXPECT_TRUE(writer.flush(kLong));
  EXPECT_EQ(writer.dropped(), 1000u);
}

TEST_P(LineWriterTest, ManyThreadsLoseNoLineAndMixNone) {
  Pair pair(GetParam());
  LineWriter writer(pair.writer(), {.max_bytes = 64 << 20, .gap = gap_line});
  constexpr int kThreads = 4, kEach = 5000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) writer.write(fmt::format("{} {}\n", t, i));
    });
  std::string text = pair.read_all(writer);
  for (std::thread& thread : threads) thread.join();
  text += pair.read_all(writer);
  std::array<int, kThreads> next{};
  for (const std::string& line : lines_of(text)) {
    const int t = std::atoi(line.c_str());
    ASSERT_EQ(line, fmt::format("{} {}", t, next.at(static_cast<std::size_t>(t))));
    ++next.at(static_cast<std::size_t>(t));
  }
  for (const int count : next) EXPECT_EQ(count, kEach);
  EXPECT_EQ(writer.dropped(), 0u);
}

// Longer than what a pipe takes at once.
TEST_P(LineWriterTest, ALongLineComesWhole) {
  Pair pair(GetParam());
  LineWriter writer(pair.writer(), {.max_bytes = 4 << 20});
  const std::string line(1 << 20, 'x');
  writer.write(line + "\n");
  writer.write("behind\n");
  EXPECT_EQ(pair.read_all(writer), line + "\nbehind\n");
}

TEST_P(LineWriterTest, TheFlagsOfTheDescriptorStay) {
  Pair pair(GetParam());
  const int before = ::fcntl(pair.writer(), F_GETFL);
  LineWriter writer(pair.writer(), {});
  writer.write("x\n");
  EXPECT_EQ(::fcntl(pair.writer(), F_GETFL), before);
}

INSTANTIATE_TEST_SUITE_P(Kinds, LineWriterTest,
                         testing::Values(Pair::Kind::kPipe, Pair::Kind::kSocket),
                         [](const auto& info) {
                           return info.param == Pair::Kind::kPipe ? "Pipe" : "Socket";
                         });

TEST(LineWriterFileTest, LinesGoBehindWhatOthersWrite) {
  char name[] = "/tmp/line_writer_XXXXXX";
  const int fd = ::mkstemp(name);
  ASSERT_GE(fd, 0);
  ::unlink(name);
  ASSERT_EQ(::write(fd, "first\n", 6), 6);
  LineWriter writer(fd, {});
  writer.write("second\n");
  ASSERT_EQ(::write(fd, "third\n", 6), 6);
  std::array<char, 64> block{};
  EXPECT_EQ(::pread(fd, block.data(), block.size(), 0), 19);
  EXPECT_STREQ(block.data(), "first\nsecond\nthird\n");
  ::close(fd);
}

#ifdef __linux__
TEST(LineWriterFileTest, WhatTheSystemRefusesIsCounted) {
  const int fd = ::open("/dev/full", O_WRONLY);
  ASSERT_GE(fd, 0);
  LineWriter writer(fd, {});
  writer.write("x\n");
  writer.write("y\n");
  EXPECT_TRUE(writer.flush(kLong));
  EXPECT_EQ(writer.dropped(), 2u);
  ::close(fd);
}
#endif

}  // namespace
}  // namespace oc
