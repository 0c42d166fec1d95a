#include "base/system/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

extern char** environ;  // of POSIX, which names no header for it

namespace oc {
namespace {

struct SpawnActions {
  SpawnActions() {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() {
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&files);
  }
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

}  // namespace

Pipe make_pipe() {
  int ends[2];
#ifdef __linux__
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
#else
  if (::pipe(ends) != 0) return {};
  for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
#endif
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

Descriptor above_child_descriptors(int fd) {
  constexpr int kAbove = 16;
  return Descriptor(::fcntl(fd, F_DUPFD_CLOEXEC, kAbove));
}

std::optional<ChildProcess> ChildProcess::start(const std::filesystem::path& program,
                                                std::string argument,
                                                ChildDescriptors descriptors) {
  SpawnActions actions;
  auto& [files, attributes] = actions;
  int failed = 0;
  for (const int fd : {0, 1, 2})
    failed |= ::posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
  failed |= ::posix_spawn_file_actions_adddup2(&files, descriptors.third, 3);
  failed |= ::posix_spawn_file_actions_adddup2(&files, descriptors.fourth, 4);
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 34)  // elsewhere the child does it, first of all
  failed |= ::posix_spawn_file_actions_addclosefrom_np(&files, 5);
#endif
#endif
  sigset_t none, all;
  sigemptyset(&none);  // macros on a Mac
  sigfillset(&all);
  failed |= ::posix_spawnattr_setsigmask(&attributes, &none);
  failed |= ::posix_spawnattr_setsigdefault(&attributes, &all);
  failed |= ::posix_spawnattr_setpgroup(&attributes, 0);
  int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
  flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#endif
  failed |= ::posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
  if (failed != 0) return std::nullopt;
  std::string name = "ocellus";
  char* const arguments[] = {name.data(), argument.data(), nullptr};
  char* const environment[] = {nullptr};
  pid_t pid = 0;
  if (::posix_spawn(&pid, program.c_str(), &files, &attributes, arguments, environment) != 0)
    return std::nullopt;
  return ChildProcess(pid);
}

std::optional<ChildProcess> ChildProcess::run(const std::filesystem::path& program,
                                              std::vector<std::string> arguments, int out) {
  SpawnActions actions;
  auto& [files, attributes] = actions;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  int failed = ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  failed |= ::posix_spawn_file_actions_adddup2(&files, out, 1);
  failed |= ::posix_spawnattr_setsigmask(&attributes, &none);
  failed |= ::posix_spawnattr_setsigdefault(&attributes, &all);
  failed |= ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  if (failed != 0) return std::nullopt;
  std::string name = "ocellus";
  std::vector<char*> words = {name.data()};
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  pid_t pid = 0;
  if (::posix_spawn(&pid, program.c_str(), &files, &attributes, words.data(), environ) != 0)
    return std::nullopt;
  return ChildProcess(pid);
}

ChildProcess::~ChildProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<int> ChildProcess::ended() {
  int status = 0;
  const pid_t got = ::waitpid(pid_, &status, WNOHANG);
  if (got == 0 || (got < 0 && errno == EINTR)) return std::nullopt;
  pid_ = 0;
  return got < 0 ? -1 : status;
}

}  // namespace oc
