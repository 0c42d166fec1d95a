// A library for LD_PRELOAD that makes a server late in what it does beside its answers: its threads
// rest by chance behind what they send and whom they wake, and before they write the log. What a
// test looks at too early is not there yet. tools/late.sh runs the black-box tests so.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <random>
#include <thread>

namespace {

using std::chrono::milliseconds;

// One time in `times`, at most so long. Keeps errno, which callers look at behind the call.
void rest(int times, milliseconds most) {
  thread_local std::minstd_rand random{std::random_device{}()};
  if (random() % static_cast<unsigned>(times) != 0) return;
  const int kept = errno;
  const std::chrono::microseconds longest(most);
  std::this_thread::sleep_for(longest * (random() % 1000) / 1000);
  errno = kept;
}

// The function of that name that would be called without this library.
template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t send(int file, const void* bytes, size_t count, int flags) {
  static auto* const real = next<ssize_t(int, const void*, size_t, int)>("send");
  const ssize_t sent = real(file, bytes, count, flags);
  rest(1, milliseconds(25));
  return sent;
}

ssize_t sendmsg(int file, const msghdr* message, int flags) {
  static auto* const real = next<ssize_t(int, const msghdr*, int)>("sendmsg");
  const ssize_t sent = real(file, message, flags);
  rest(1, milliseconds(25));
  return sent;
}

ssize_t write(int file, const void* bytes, size_t count) {
  static auto* const real = next<ssize_t(int, const void*, size_t)>("write");
  if (file == STDERR_FILENO) rest(1, milliseconds(150));
  const ssize_t written = real(file, bytes, count);
  if (count == sizeof(std::uint64_t)) rest(3, milliseconds(20));  // an eventfd: somebody is woken
  return written;
}

int epoll_ctl(int set, int what, int file, epoll_event* event) noexcept {
  static auto* const real = next<int(int, int, int, epoll_event*)>("epoll_ctl");
  const int done = real(set, what, file, event);
  rest(3, milliseconds(20));
  return done;
}

int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  static auto* const real = next<int(pthread_cond_t*)>("pthread_cond_signal");
  const int done = real(condition);
  rest(4, milliseconds(15));
  return done;
}

int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  static auto* const real = next<int(pthread_cond_t*)>("pthread_cond_broadcast");
  const int done = real(condition);
  rest(4, milliseconds(15));
  return done;
}

}  // extern "C"
