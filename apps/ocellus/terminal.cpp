#include "terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <iostream>
#include <tuple>

#include "base/environment.h"
#include "base/log.h"
#include "base/printable.h"

namespace oc {
namespace {

// A signal handler can reach nothing else.
volatile std::sig_atomic_t interrupted = 0;
volatile std::sig_atomic_t wake_end = -1;  // of a pipe, where somebody may sleep at its other end

void on_interrupt(int) {
  const int before = errno;
  interrupted = 1;
  if (wake_end >= 0) std::ignore = ::write(wake_end, "", 1);
  errno = before;
}

// Its end to read from is readable once Ctrl-C was caught. -1: the system has no more files.
int make_wake_pipe() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return -1;
  for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
  wake_end = ends[1];
  return ends[0];
}

int columns_of(int file) {
  winsize size = {};
  return ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

void hold_standard_files() {
  for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(file, F_GETFD) < 0)  // open() takes the lowest that is free: this one
      std::ignore = ::open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

bool stdin_is_terminal() { return isatty(STDIN_FILENO) == 1; }
bool stdout_is_terminal() { return isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return isatty(STDERR_FILENO) == 1; }

bool stderr_redraws() {
  return stderr_is_terminal() && environment("TERM").value_or("dumb") != "dumb";
}

void show(std::string_view text) { std::cout << printable(text, Lines::kMany); }

void show_line(std::string_view text) { std::cout << printable(text, Lines::kOne) << '\n'; }

void show_answer(std::string_view text) {
  static const bool terminal = stdout_is_terminal();
  if (terminal)
    show(text);
  else
    std::cout << text;
  std::cout.flush();
}

void show_control(std::string_view sequence) { std::cout << sequence; }

int stdout_columns() { return columns_of(STDOUT_FILENO); }
int stderr_columns() { return columns_of(STDERR_FILENO); }

void tell(std::string_view text) {
  std::cout.flush();
  log::put(printable(text, Lines::kMany));
}

void tell_line(std::string_view text) {
  std::cout.flush();
  log::put(printable(text, Lines::kOne) + '\n');
}

void tell_dim(std::string_view text) {
  if (!stderr_redraws() || !environment("NO_COLOR").value_or("").empty()) return tell_line(text);
  std::cout.flush();
  log::put("\x1b[2m" + printable(text, Lines::kOne) + "\x1b[0m\n");
}

void tell_in_place(std::string_view text) { log::put("\r\x1b[K" + printable(text, Lines::kOne)); }

void tell_control(std::string_view sequence) { log::put(std::string(sequence)); }

Result<std::string> read_stdin(std::size_t max_bytes) {
  std::string bytes;
  char block[65536];
  while (std::cin.read(block, sizeof block) || std::cin.gcount() > 0) {
    bytes.append(block, static_cast<std::size_t>(std::cin.gcount()));
    if (bytes.size() > max_bytes)
      return Error{ErrorCode::kTooLarge,
                   fmt::format("standard input has more than {} bytes", max_bytes)};
  }
  return bytes;
}

bool confirmed(const std::string& question) {
  if (!stdin_is_terminal() || !stderr_is_terminal()) return false;
  tell(question + " [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

void quiet_logs() {
  if (!environment("LOG_LEVEL")) log::configure(log::Level::kWarning, log::Format::kText);
}

CatchInterrupt::CatchInterrupt() {
  interrupted = 0;
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the next one is not caught
  sigaction(SIGINT, &action, nullptr);
}

CatchInterrupt::~CatchInterrupt() { std::signal(SIGINT, SIG_DFL); }

bool CatchInterrupt::caught() { return interrupted != 0; }

// A signal that comes between a look at the flag and the sleep ends no system call; it fills the
// pipe.
void CatchInterrupt::wait_to_read(int file) {
  static const int kWake = make_wake_pipe();
  std::array<pollfd, 2> both = {{{file, POLLIN, 0}, {kWake, POLLIN, 0}}};
  const int look_ms = kWake < 0 ? 200 : -1;
  while (!caught()) {
    const int ready = ::poll(both.data(), both.size(), look_ms);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return;
  }
}

}  // namespace oc
