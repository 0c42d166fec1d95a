#include "image/isolated/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>

#include "base/system.h"
#include "image/isolated/helper.h"

namespace oc {
namespace {

using namespace std::chrono_literals;

// What it computes is bounded by its limit of CPU; this is for one that computes nothing.
constexpr auto kMostWait = 120s;
// Between two looks at whether anybody still wants the picture.
constexpr int kLookMs = 5;

// A child of this process, which is ended and reaped.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  // Its wait status once it has ended. Where children are nobody's (SIGCHLD is ignored), the system
  // keeps none: then -1.
  std::optional<int> ended() {
    int status = 0;
    const pid_t got = ::waitpid(pid_, &status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR)) return std::nullopt;
    pid_ = 0;
    return got < 0 ? -1 : status;
  }

 private:
  pid_t pid_;
};

// At a number above those that a helper has, so that one can be put in the place of the other.
Descriptor moved_up(int fd) {
  constexpr int kAbove = 16;
  return Descriptor(::fcntl(fd, F_DUPFD_CLOEXEC, kAbove));
}

struct Pipe {
  Descriptor read, write;
};
Pipe make_pipe() {
  int ends[2];
#ifdef __linux__
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
#else
  if (::pipe(ends) != 0) return {};
  for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
#endif
  Pipe out{Descriptor(ends[0]), Descriptor(ends[1])};
  out.write = moved_up(out.write.get());
  return out;
}

// The program's own file: as it was started, even if another has taken its name since.
std::string own_file() {
#ifdef __linux__
  return "/proc/self/exe";
#else
  return program_file().string();
#endif
}

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

// Nothing of this process goes along but the block and the pipe; no environment, no signal that is
// blocked or ignored. A process group of its own: Ctrl+C at the terminal is this process's matter.
std::optional<pid_t> start(int block, int life) {
  SpawnActions actions;
  auto& [files, attributes] = actions;
  int failed = 0;
  for (const int fd : {0, 1, 2})
    failed |= ::posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
  failed |= ::posix_spawn_file_actions_adddup2(&files, block, kBlockDescriptor);
  failed |= ::posix_spawn_file_actions_adddup2(&files, life, kLifeDescriptor);
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 34)  // elsewhere the helper does it, first of all
  failed |= ::posix_spawn_file_actions_addclosefrom_np(&files, kLifeDescriptor + 1);
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
  std::string name = "ocellus", argument = kHelperArgument;
  char* const arguments[] = {name.data(), argument.data(), nullptr};
  char* const environment[] = {nullptr};
  pid_t pid = 0;
  if (::posix_spawn(&pid, own_file().c_str(), &files, &attributes, arguments, environment) != 0)
    return std::nullopt;
  return pid;
}

Error unavailable(std::string_view what) {
  return {ErrorCode::kUnavailable, std::string(what), "try again later"};
}

// What an end by a signal means. The picture is to blame for what the helper does itself.
Error of_signal(int signal, const Decoding& task) {
  switch (signal) {
    case SIGXCPU:
      return {ErrorCode::kTooLarge,
              fmt::format("the {} picture takes more than {} s of CPU to decode",
                          to_string(task.info.format), kMostCpuSeconds),
              "send a smaller one, or save it as an ordinary JPEG"};
    case SIGKILL:
    case SIGTERM:
    case SIGINT:
    case SIGHUP:
    case SIGQUIT:
      return unavailable("the picture's decoder was ended from outside");
    default:
      return damaged(task.info.format);
  }
}

Error of_status(int status, const Decoding& task) {
  const std::string_view format = to_string(task.info.format);
  switch (static_cast<HelperStatus>(status)) {
    case HelperStatus::kUnsupported:
      return {ErrorCode::kUnsupported,
              fmt::format("the {} picture is of an unusual kind that is not supported", format),
              "save it as JPEG or PNG"};
    case HelperStatus::kNoDecoder:
      return {
          ErrorCode::kUnsupported,
          fmt::format("this is a {} picture, for which this program was built without a decoder",
                      format),
          "save it as JPEG or PNG"};
    case HelperStatus::kOutOfMemory:
      return {ErrorCode::kTooLarge,
              fmt::format("the {} picture takes more memory to decode than one of {}x{} pixels "
                          "does",
                          format, task.info.width, task.info.height),
              "save it again, as an ordinary JPEG"};
    case HelperStatus::kNotLocked:
    case HelperStatus::kNotAsked:
      return {ErrorCode::kUnavailable,
              fmt::format("{} pictures are not decoded: this system does not let the decoder lock "
                          "itself in",
                          format),
              "seccomp filters must be allowed; or save it as JPEG or PNG"};
    case HelperStatus::kDone:  // but the block is not as it should be
    case HelperStatus::kDamaged:
      break;
  }
  return damaged(task.info.format);
}

RequestHeader header_of(const PixelRequest& request, std::size_t file_bytes,
                        std::size_t memory_bytes) {
  RequestHeader header;
  header.asker = ::getpid();
  header.block_bytes = block_bytes(request, file_bytes);
  header.file_bytes = file_bytes;
  header.memory_bytes = memory_bytes;
  header.coder = static_cast<std::uint32_t>(request.coder);
  header.samples = static_cast<std::uint32_t>(request.samples);
  header.width = request.width;
  header.height = request.height;
  return header;
}

// Nobody writes to it any more. Only that it says so itself is believed, nothing of its sizes.
bool is_done(const SharedBlock& block, RequestHeader expected) {
  RequestHeader header;
  std::memcpy(&header, block.bytes().data(), sizeof header);
  expected.done = 1;
  return std::memcmp(&header, &expected, sizeof header) == 0;
}

// Its wait status, as Child::ended().
Result<int> wait_for(Child& child, int life, const Decoding& task) {
  const auto last = std::chrono::steady_clock::now() + kMostWait;
  for (bool closed = false;;) {
    if (closed) {  // it is about to end
      if (const auto status = child.ended()) return *status;
      ::poll(nullptr, 0, 1);
    } else {
      pollfd end{.fd = life, .events = POLLIN, .revents = 0};
      closed = ::poll(&end, 1, kLookMs) == 1;
    }
    if (task.interrupt.stop()) return failure(Outcome::kStopped, task);
    if (std::chrono::steady_clock::now() > last)
      return unavailable("the picture's decoder did not end");
  }
}

}  // namespace

Result<HelperPixels> run_helper(const Decoding& task, const PixelRequest& request,
                                std::size_t memory_bytes) {
  if (!can_be_picture_helper())
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("{} pictures are not decoded by this program", to_string(task.info.format)),
        "save it as JPEG or PNG"};
  const RequestHeader header = header_of(request, task.bytes.size(), memory_bytes);
  SharedBlock block = SharedBlock::make(header.block_bytes);
  const Descriptor shared = moved_up(block.descriptor());
  Pipe life = make_pipe();
  if (block.empty() || !shared.open() || !life.write.open())
    return unavailable("out of memory while the picture was decoded");
  std::memcpy(block.bytes().data(), &header, sizeof header);
  std::memcpy(block.bytes().data() + kFileAt, task.bytes.data(), task.bytes.size());

  const auto pid = start(shared.get(), life.write.get());
  if (!pid) return unavailable("the picture's decoder could not be started");
  Child child(*pid);
  life.write.close();
  OC_ASSIGN_OR_RETURN(const int status, wait_for(child, life.read.get(), task));

  if (status != -1 && WIFSIGNALED(status)) return of_signal(WTERMSIG(status), task);
  const bool done = is_done(block, header);
  if (status == -1 && !done) return unavailable("how the picture's decoder ended is not known");
  if (!done || (status != -1 && WEXITSTATUS(status) != 0))
    return of_status(status == -1 ? 0 : WEXITSTATUS(status), task);
  return HelperPixels(std::move(block), pixels_at(task.bytes.size()), request.pixel_bytes());
}

}  // namespace oc
