#include "base/system/child_process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace oc {
namespace {

std::string read_all(int fd) {
  std::string out;
  char buffer[256];
  for (ssize_t size = 0; (size = ::read(fd, buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<std::size_t>(size));
  return out;
}

int status_of(ChildProcess& child) {
  for (;;)
    if (const auto status = child.ended()) return *status;
}

TEST(ChildProcess, RunsAsByAShell) {
  ::setenv("OCELLUS_OF_THIS_TEST", "seen", 1);
  Pipe pipe = make_pipe();
  auto child = ChildProcess::run(
      "/bin/sh",
      {"-c", R"(read line; echo "$1, $OCELLUS_OF_THIS_TEST, $line."; exit 3)", "-", "a b"},
      pipe.write.get());
  ASSERT_TRUE(child);
  pipe.write.close();
  EXPECT_EQ(read_all(pipe.read.get()), "a b, seen, .\n");
  const int status = status_of(*child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
}

TEST(ChildProcess, EndsWithWhoStartedIt) {
  Pipe pipe = make_pipe();
  {
    const auto child = ChildProcess::run("/bin/sh", {"-c", "exec sleep 1000"}, pipe.write.get());
    ASSERT_TRUE(child);
    pipe.write.close();
  }
  EXPECT_EQ(read_all(pipe.read.get()), "");  // nobody holds the other end
}

TEST(ChildProcess, AProgramThatIsNotThere) {
  Pipe pipe = make_pipe();
  EXPECT_FALSE(ChildProcess::run("/nowhere/at-all", {}, pipe.write.get()));
}

}  // namespace
}  // namespace oc
