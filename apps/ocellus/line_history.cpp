#include "line_history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/environment.h"

namespace oc {
namespace {

constexpr std::size_t kMostFileLines = 2 * LineHistory::kMostLines;  // then it is written anew

std::string history_spelled(std::string_view line) {
  std::string out;
  for (const char c : line)
    if (c == '\n')
      out += "\\n";
    else if (c == '\\')
      out += "\\\\";
    else
      out += c;
  return out;
}

std::string history_read(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\\' && i + 1 < text.size())
      out += text[++i] == 'n' ? '\n' : text[i];
    else
      out += text[i];
  return out;
}

void write_private(const std::filesystem::path& path, int flags, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  if (file < 0) return;
  if (::fchmod(file, 0600) == 0)
    while (!text.empty()) {
      const ssize_t count = ::write(file, text.data(), text.size());
      if (count <= 0) break;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  ::close(file);
}

}  // namespace

LineHistory::LineHistory(std::optional<std::filesystem::path> file) : file_(std::move(file)) {
  if (!file_) return;
  std::error_code error;
  const std::filesystem::path folder = file_->parent_path();
  std::filesystem::create_directories(folder.parent_path(), error);
  ::mkdir(folder.c_str(), 0700);  // one that is there stays as it is
  read();
}

void LineHistory::read() {
  std::error_code error;
  if (!std::filesystem::is_regular_file(*file_, error)) return;
  std::ifstream in(*file_, std::ios::binary);
  std::size_t count = 0;
  for (std::string line; std::getline(in, line); ++count) {
    if (line.empty() || line.size() > kLongestLine) continue;
    lines_.push_back(history_read(line));
    if (lines_.size() >= 2 * kMostLines)
      lines_.erase(lines_.begin(), lines_.end() - static_cast<std::ptrdiff_t>(kMostLines));
  }
  if (lines_.size() > kMostLines)
    lines_.erase(lines_.begin(), lines_.end() - static_cast<std::ptrdiff_t>(kMostLines));
  if (count > kMostFileLines) write_all();
}

void LineHistory::write_all() {
  std::string text;
  for (const std::string& line : lines_) text += history_spelled(line) + "\n";
  std::filesystem::path part = *file_;
  part += ".part";
  std::error_code error;
  std::filesystem::remove(part, error);
  write_private(part, O_EXCL, text);
  std::filesystem::rename(part, *file_, error);
}

void LineHistory::add(const std::string& line) {
  if (line.empty() || (!lines_.empty() && lines_.back() == line)) return;
  lines_.push_back(line);
  if (lines_.size() > kMostLines) lines_.erase(lines_.begin());
  const std::string spelled = history_spelled(line) + "\n";
  if (file_ && spelled.size() <= kLongestLine) write_private(*file_, O_APPEND, spelled);
}

std::optional<std::filesystem::path> history_file() {
  const auto state = environment("XDG_STATE_HOME"), home = environment("HOME");
  // A path that is not absolute is to be ignored (XDG Base Directory Specification).
  if (state && state->starts_with('/')) return std::filesystem::path(*state) / "ocellus/history";
  if (home && home->starts_with('/'))
    return std::filesystem::path(*home) / ".local/state/ocellus/history";
  return std::nullopt;
}

}  // namespace oc
