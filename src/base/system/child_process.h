// A program that is started from this one: with two descriptors and nothing else, or as by a shell.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/system/shared_block.h"

namespace oc {

struct Pipe {
  Descriptor read, write;
};
// Closed by whatever program is started. Not open: there are no descriptors left.
Pipe make_pipe();

// The same file at a number that no child is given, so that it can be put in the place of one.
Descriptor above_child_descriptors(int fd);

// Descriptors of a child. 0 to 2 lead nowhere; it has no others.
struct ChildDescriptors {
  int third, fourth;
};

// Ended and reaped when it goes out of scope.
class ChildProcess {
 public:
  // No environment, no signal that is blocked or ignored. A process group of its own: Ctrl+C at the
  // terminal is this process's matter. Nothing: the system cannot start one. Where the C library
  // cannot close the other descriptors on the way, the child must: close_descriptors_from().
  static std::optional<ChildProcess> start(const std::filesystem::path& program,
                                           std::string argument, ChildDescriptors descriptors);
  // As a shell starts one: with the environment and standard error of this process, and in its
  // group, so that Ctrl+C at the terminal ends both. Standard input is empty, standard output is
  // `out`.
  static std::optional<ChildProcess> run(const std::filesystem::path& program,
                                         std::vector<std::string> arguments, int out);
  ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  // Its wait status once it has ended. Where children are nobody's (SIGCHLD is ignored), the system
  // keeps none: then -1.
  std::optional<int> ended();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

}  // namespace oc
