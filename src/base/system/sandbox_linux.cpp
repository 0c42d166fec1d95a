#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "base/system/sandbox.h"

#if !defined(OC_SANITIZED) && (defined(__x86_64__) || defined(__aarch64__))
#define OC_SECCOMP
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>
#endif

namespace oc {

bool ends_with(std::int64_t parent) {
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent;
}

void close_descriptors_from(int first) {
#ifdef SYS_close_range
  if (::syscall(SYS_close_range, first, ~0u, 0) == 0) return;
#endif
  constexpr int kLast = 1024;  // by default, of systems before Linux 5.9
  for (int fd = first; fd < kLast; ++fd) ::close(fd);
}

#ifdef OC_SECCOMP
namespace {

// A program of the kernel's packet filter (seccomp(2)): each step loads a word, compares, jumps.
class CallFilter {
 public:
  CallFilter() {
#ifdef __x86_64__
    constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#else
    constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif
    load(offsetof(seccomp_data, arch));
    jump(BPF_JEQ, kArchitecture, 1, 0);
    end(SECCOMP_RET_KILL_PROCESS);
    load(offsetof(seccomp_data, nr));
#ifdef __x86_64__
    constexpr std::uint32_t kX32 = 0x40000000;  // another set of numbers
    jump(BPF_JGE, kX32, 0, 1);
    end(SECCOMP_RET_KILL_PROCESS);
#endif
  }

  void allow(long call) { answer(call, SECCOMP_RET_ALLOW); }
  // The call fails, and the process goes on: libraries that ask for what they can do without.
  void refuse(long call, std::uint32_t error) { answer(call, SECCOMP_RET_ERRNO | error); }
  // If no bit of `mask` is set in the argument but those of `bits`, which all are.
  void allow_masked(long call, int argument, std::uint32_t mask, std::uint32_t bits) {
    jump(BPF_JEQ, static_cast<std::uint32_t>(call), 0, 5);
    load(argument_at(argument));
    step(BPF_ALU | BPF_AND | BPF_K, mask);
    jump(BPF_JEQ, bits, 0, 1);
    end(SECCOMP_RET_ALLOW);
    end(SECCOMP_RET_KILL_PROCESS);
  }
  // If the argument is one of 0 to `last`.
  void allow_up_to(long call, int argument, std::uint32_t last) {
    compared(call, argument, BPF_JGT, last, false);
  }
  void allow_equal(long call, int argument, std::uint32_t value) {
    compared(call, argument, BPF_JEQ, value, true);
  }

  bool install() {
    end(SECCOMP_RET_KILL_PROCESS);
    const sock_fprog program{.len = static_cast<unsigned short>(steps_.size()),
                             .filter = steps_.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
  }

 private:
  // The lower half: both architectures are little-endian.
  static std::uint32_t argument_at(int argument) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) +
           8 * static_cast<std::uint32_t>(argument);
  }
  void step(int code, std::uint32_t value) {
    steps_.push_back({static_cast<std::uint16_t>(code), 0, 0, value});
  }
  void load(std::size_t at) { step(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(at)); }
  void end(std::uint32_t answer) { step(BPF_RET | BPF_K, answer); }
  // How many steps to leave out if it is so, and if it is not.
  void jump(int comparison, std::uint32_t value, std::uint8_t yes, std::uint8_t no) {
    steps_.push_back({static_cast<std::uint16_t>(BPF_JMP | comparison | BPF_K), yes, no, value});
  }
  void answer(long call, std::uint32_t value) {
    jump(BPF_JEQ, static_cast<std::uint32_t>(call), 0, 1);
    end(value);
  }
  void compared(long call, int argument, int comparison, std::uint32_t value, bool allowed_if) {
    jump(BPF_JEQ, static_cast<std::uint32_t>(call), 0, 4);
    load(argument_at(argument));
    jump(comparison, value, allowed_if ? 0 : 1, allowed_if ? 1 : 0);
    end(SECCOMP_RET_ALLOW);
    end(SECCOMP_RET_KILL_PROCESS);
  }

  std::vector<sock_filter> steps_;
};

}  // namespace

bool lock_in() {
  CallFilter filter;
  // Memory: none that can be executed.
  filter.allow_masked(SYS_mmap, 2, PROT_EXEC, 0);
  filter.allow_masked(SYS_mprotect, 2, PROT_EXEC, 0);
  for (const long call : {SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk}) filter.allow(call);
  for (const long call :
       {SYS_futex, SYS_rt_sigprocmask, SYS_sched_yield, SYS_gettid, SYS_getpid, SYS_clock_gettime,
        SYS_exit_group, SYS_sysinfo})  // how much memory there is: qsort() asks
    filter.allow(call);
  // The kind of a descriptor, which stdio can do without.
  for (const long call : {SYS_fstat, SYS_newfstatat}) filter.refuse(call, EPERM);
  // Complaints, which lead nowhere.
  filter.allow_up_to(SYS_write, 0, 2);
  filter.allow_up_to(SYS_writev, 0, 2);
  // abort()
  filter.allow_equal(SYS_tgkill, 0, static_cast<std::uint32_t>(::getpid()));
  return filter.install();
}

#else

bool lock_in() { return true; }

#endif

}  // namespace oc
