#include "terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "base/log.h"

namespace oc {
namespace {

volatile std::sig_atomic_t interrupted = 0;  // a signal handler can reach nothing else

void on_interrupt(int) { interrupted = 1; }

}  // namespace

bool stdin_is_terminal() { return isatty(STDIN_FILENO) == 1; }
bool stdout_is_terminal() { return isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return isatty(STDERR_FILENO) == 1; }

std::string without_controls(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // C1 is C2 80 to C2 9F in UTF-8.
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      ++i;
    } else if ((byte >= 0x20 && byte != 0x7f) || byte == '\n' || byte == '\t') {
      out += text[i];
    }
  }
  return out;
}

void show(std::string_view text) {
  static const bool terminal = stdout_is_terminal();
  if (terminal) {
    std::cout << without_controls(text) << std::flush;
  } else {
    std::cout << text << std::flush;
  }
}

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
  std::cerr << without_controls(question) << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

void quiet_logs() {
  if (std::getenv("LOG_LEVEL") == nullptr) log::configure(log::Level::kWarning, log::Format::kText);
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

}  // namespace oc
