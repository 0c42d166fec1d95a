#include "chat_line.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "images.h"

namespace oc {

const char* const kChatHelp =
    "/image FILE  show a picture with the next question (or drop it here: its name alone)\n"
    "/reset       forget the turns, keep the pictures\n"
    "/help        this list\n"
    "/quit        end (also: Ctrl-D, or the end of the input)\n";

namespace {

constexpr std::array<std::string_view, 5> kCommands = {"/image ", "/reset", "/help", "/quit",
                                                       "/exit"};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// Whether a word can begin the name of a picture and no question.
bool begins_a_path(std::string_view text) {
  for (const std::string_view begin : {"/", "~/", "./", "../", "'/", "\"/", "'~/", "\"~/"})
    if (text.starts_with(begin)) return true;
  return false;
}

// Up to the last letter that is no part of a path: "/image '/a b/c" → "/a b/c".
std::string_view path_part(std::string_view before) {
  constexpr std::string_view kImage = "/image ";
  if (before.starts_with(kImage)) before.remove_prefix(kImage.size());
  if (before.starts_with('\'') || before.starts_with('"')) before.remove_prefix(1);
  return before;
}

Completion complete_path(std::string_view typed) {
  namespace fs = std::filesystem;
  const std::size_t slash = typed.rfind('/');
  const std::string_view folder = slash == std::string_view::npos ? "" : typed.substr(0, slash + 1);
  const std::string_view name = typed.substr(folder.size());
  Completion out{typed.size(), {}};
  std::error_code error;
  const fs::path place = folder.empty() ? "." : local_path(std::string(folder));
  constexpr int kMostEntries = 10'000;
  int seen = 0;
  for (fs::directory_iterator it(place, error), end; !error && it != end && ++seen < kMostEntries;
       it.increment(error)) {
    const std::string found = it->path().filename().string();
    if (!found.starts_with(name) || (name.empty() && found.starts_with('.'))) continue;
    std::error_code none;
    out.words.push_back(std::string(folder) + found + (it->is_directory(none) ? "/" : ""));
  }
  std::ranges::sort(out.words);
  return out;
}

}  // namespace

ChatLine read_chat_line(std::string_view whole) {
  using Kind = ChatLine::Kind;
  const std::string line(trimmed(whole));
  constexpr std::string_view kImage = "/image";
  if (line.empty()) return {};
  if (line == "/quit" || line == "/exit") return {Kind::kQuit};
  if (line == "/reset") return {Kind::kReset};
  if (line == "/help") return {Kind::kHelp};
  if (line == kImage) return {Kind::kUnknown, "/image without a FILE"};
  if (line.starts_with("/image ") || line.starts_with("/image\t")) {
    const std::string rest(trimmed(line.substr(kImage.size())));
    const std::vector<std::string> dropped = dropped_images(rest);
    return {Kind::kPictures, {}, dropped.empty() ? std::vector{rest} : dropped};
  }
  if (std::vector<std::string> dropped = dropped_images(line); !dropped.empty())
    return {Kind::kPictures, {}, std::move(dropped)};
  if (line.starts_with('/')) return {Kind::kUnknown, line};
  return {Kind::kQuestion, line};
}

Completion complete_chat_line(std::string_view before) {
  Completion out{before.size(), {}};
  for (const std::string_view command : kCommands)
    if (!before.empty() && command.starts_with(before)) out.words.emplace_back(command);
  if (!out.words.empty() && before.size() > 1) return out;
  if (!before.starts_with("/image ") && !begins_a_path(before)) return out;
  Completion paths = complete_path(path_part(before));
  if (out.words.empty()) return paths;
  out.words.insert(out.words.end(), paths.words.begin(), paths.words.end());
  return out;
}

}  // namespace oc
