// Lines that were typed, kept in a file for the next time.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace oc {

// The file has a line for each, the newest last, in UTF-8; a newline or backslash within one is
// spelled \n, \\. Only its owner may read it (0600, its folder 0700). What cannot be read or
// written is left out: a history is a convenience.
class LineHistory {
 public:
  static constexpr std::size_t kMostLines = 1000;
  static constexpr std::size_t kLongestLine = 16
                                              << 10;  // bytes; a longer one is not kept in the file

  // nullopt: they are kept in memory alone.
  explicit LineHistory(std::optional<std::filesystem::path> file);

  const std::vector<std::string>& lines() const { return lines_; }
  // An empty line, and the last one once more, are left out.
  void add(const std::string& line);

 private:
  void read();
  void write_all();

  std::optional<std::filesystem::path> file_;
  std::vector<std::string> lines_;
};

// $XDG_STATE_HOME/ocellus/history, else ~/.local/state/ocellus/history; nullopt: no home.
std::optional<std::filesystem::path> history_file();

}  // namespace oc
