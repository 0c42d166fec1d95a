#include "progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/printable.h"
#include "base/units.h"
#include "terminal.h"

namespace oc {
namespace {

constexpr std::chrono::milliseconds kWorkWindow{20'000};
constexpr std::chrono::milliseconds kPlainEvery{10'000}, kDrawEvery{100};

// In front of it a bar, where there is room for both.
std::string in_columns(std::string text, double share, int columns) {
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
  return in_columns(std::move(text), share, columns);
}

PullProgressLine::PullProgressLine() : terminal_(stderr_redraws()) {}
PullProgressLine::~PullProgressLine() { erase(); }

void PullProgressLine::erase() {
  if (drawn_) tell_in_place("");
  drawn_ = false;
}

void PullProgressLine::update(const hub::PullProgress& progress) {
  const auto now = Clock::now();
  rate_.add(progress, now);
  if (terminal_) {
    tell_in_place(progress_text(progress, rate_.bytes_per_s(), stderr_columns()));
    drawn_ = true;
    return;
  }
  if (next_ == Clock::time_point{}) next_ = now + kPlainEvery;
  if (now < next_) return;
  next_ = now + kPlainEvery;
  tell_line(progress_text(progress, rate_.bytes_per_s(), kNoBar));
}

void PullProgressLine::print(const std::string& line) {
  erase();
  tell_line(line);
}

std::string work_text(const WorkDone& work, double per_s, double seconds_left, int columns) {
  std::string text = fmt::format("{:3.0f} %  {}", std::floor(work.share * 100), work.done);
  if (work.all) text += fmt::format(" of {}", *work.all);
  if (per_s >= 0) text += fmt::format("  {:.1f} a second", per_s);
  if (seconds_left >= 0) text += fmt::format("  {} left", human_seconds(seconds_left));
  if (!work.note.empty()) text += "  " + printable(work.note, Lines::kOne);
  return in_columns(std::move(text), work.share, columns);
}

WorkProgressLine::WorkProgressLine(std::size_t done, double share) : terminal_(stderr_redraws()) {
  samples_.push_back({Clock::now(), done, share});
  next_ = Clock::now() + (terminal_ ? kDrawEvery : kPlainEvery);
}

WorkProgressLine::~WorkProgressLine() {
  if (drawn_) tell_in_place("");
}

void WorkProgressLine::update(const WorkDone& work) {
  const auto now = Clock::now();
  if (now < next_ && !(terminal_ && work.all == work.done)) return;
  next_ = now + (terminal_ ? kDrawEvery : kPlainEvery);
  samples_.push_back({now, work.done, work.share});
  while (samples_.size() > 2 && now - samples_[1].at > kWorkWindow) samples_.pop_front();
  const Sample& first = samples_.front();
  const double seconds = std::chrono::duration<double>(now - first.at).count();
  const bool known = seconds > 0.5 && work.done > first.done;
  const double per_s = known ? static_cast<double>(work.done - first.done) / seconds : -1;
  const double left = known && work.share > first.share
                          ? seconds * (1 - work.share) / (work.share - first.share)
                          : -1;
  if (!terminal_) return tell_line(work_text(work, per_s, left, kNoBar));
  tell_in_place(work_text(work, per_s, left, stderr_columns()));
  drawn_ = true;
}

}  // namespace oc
