#include "progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "base/printable.h"
#include "base/units.h"
#include "terminal.h"

namespace oc {
namespace {

constexpr std::chrono::seconds kWindow{5}, kPlainEvery{10};

int terminal_columns() {
  winsize size = {};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string progress_text(const hub::PullProgress& progress, double bytes_per_s, int columns) {
  const std::uint64_t done = std::min(progress.done, progress.total);
  const double share =
      progress.total > 0 ? static_cast<double>(done) / static_cast<double>(progress.total) : 0;
  std::string text = fmt::format("{:3.0f} %  {} of {}", share * 100, human_bytes(done),
                                 human_bytes(progress.total));
  if (progress.phase == hub::PullProgress::Phase::kChecking ||
      (done == progress.total && progress.total > 0)) {
    text += "  checking";
  } else if (bytes_per_s > 0) {
    text += fmt::format("  {}/s  {} left", human_bytes(static_cast<std::uint64_t>(bytes_per_s)),
                        human_seconds(static_cast<double>(progress.total - done) / bytes_per_s));
  }
  if (!progress.file.empty()) text += "  " + printable(progress.file, Lines::kOne);
  if (columns == kNoBar) return text;
  constexpr int kBar = 24;
  if (static_cast<int>(text.size()) + kBar + 4 <= columns) {
    const int full = static_cast<int>(share * kBar);
    text = "[" + std::string(static_cast<std::size_t>(full), '#') +
           std::string(static_cast<std::size_t>(kBar - full), ' ') + "] " + text;
  }
  if (static_cast<int>(text.size()) >= columns)
    text.resize(static_cast<std::size_t>(std::max(columns - 1, 0)));
  return text;
}

PullProgressLine::PullProgressLine() : terminal_(stderr_is_terminal()) {}
PullProgressLine::~PullProgressLine() { erase(); }

void PullProgressLine::erase() {
  if (drawn_) tell_in_place("");
  drawn_ = false;
}

double PullProgressLine::rate() const {
  if (samples_.size() < 2) return 0;
  const std::chrono::duration<double> time = samples_.back().at - samples_.front().at;
  const std::uint64_t first = samples_.front().done, last = samples_.back().done;
  return time.count() > 0.2 && last > first ? static_cast<double>(last - first) / time.count() : 0;
}

void PullProgressLine::update(const hub::PullProgress& progress) {
  const auto now = Clock::now();
  // Files that were there already say nothing about the network.
  if (progress.phase == hub::PullProgress::Phase::kChecking) samples_.clear();
  if (!samples_.empty() && progress.done < samples_.back().done) samples_.clear();
  samples_.push_back({now, progress.done});
  while (samples_.size() > 2 && now - samples_.front().at > kWindow) samples_.pop_front();
  if (terminal_) {
    tell_in_place(progress_text(progress, rate(), terminal_columns()));
    drawn_ = true;
    return;
  }
  if (next_ == Clock::time_point{}) next_ = now + kPlainEvery;
  if (now < next_) return;
  next_ = now + kPlainEvery;
  tell_line(progress_text(progress, rate(), kNoBar));
}

void PullProgressLine::print(const std::string& line) {
  erase();
  tell_line(line);
}

}  // namespace oc
