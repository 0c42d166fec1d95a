#include "images.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include "api/data_uri.h"
#include "api/offline/batch_source.h"
#include "base/ascii.h"
#include "base/environment.h"
#include "base/natural_order.h"
#include "base/printable.h"
#include "io/file_address.h"
#include "terminal.h"

namespace oc {
namespace {

// What is shown of a name: a data URI may have megabytes.
std::string shown(const std::string& name) {
  constexpr std::size_t kLongest = 120;
  if (name == "-") return "standard input";
  return name.size() <= kLongest ? name : name.substr(0, 40) + "…";
}

Error about(const std::string& name, Error error) {
  error.message = fmt::format("{}: {}", shown(name), std::move(error.message));
  return error;
}

// Words as a shell would take them apart; nothing where a quote is not closed.
std::vector<std::string> shell_words(std::string_view line) {
  std::vector<std::string> words;
  bool open = false;  // a word has begun
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == 0 && (c == ' ' || c == '\t')) {
      open = false;
      continue;
    }
    if (!open) words.emplace_back();
    open = true;
    if (c == quote)
      quote = 0;
    else if (quote == 0 && (c == '\'' || c == '"'))
      quote = c;
    else if (c == '\\' && quote != '\'' && i + 1 < line.size())
      words.back() += line[++i];
    else
      words.back() += c;
  }
  if (quote != 0) words.clear();
  return words;
}

bool is_path(const std::string& word) {
  return word.starts_with('/') || word.starts_with("~/") ||
         starts_with_ignoring_case(word, "file:");
}

// A place that is told of if it cannot be read: one that is there, whatever it is, that nobody may
// look at, or that is named as a picture's.
bool names_a_place(const std::string& word) {
  if (!is_path(word)) return false;
  std::error_code error;
  const auto status = std::filesystem::status(local_path(word), error);
  return ends_like_picture(word) || std::filesystem::exists(status) ||
         error == std::errc::permission_denied;
}

// A picture's file that is named as one: a word such as "a" may be a file and is none.
bool is_there(const std::string& word) {
  return word != "-" && names_image(word) && (is_path(word) || ends_like_picture(word));
}

// The paths that a line consists of, with spaces and without quotes; the longest first. Empty: it
// consists of something else too.
std::vector<std::string> unquoted_images(std::string_view line) {
  constexpr std::size_t kMostWords = 64;
  std::vector<std::string> out;
  while (!line.empty()) {
    std::size_t end = line.size();
    for (std::size_t tries = 0; end != 0 && !is_there(std::string(line.substr(0, end))); ++tries) {
      const std::size_t space = line.rfind(' ', end - 1);
      end = space == std::string_view::npos || tries == kMostWords ? 0 : space;
    }
    if (end == 0) return {};
    out.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
    while (line.starts_with(' ')) line.remove_prefix(1);
  }
  return out;
}

Error too_large(std::string_view size, std::size_t max_bytes) {
  return {ErrorCode::kTooLarge,
          fmt::format("it has {} bytes, at most {} are read", size, max_bytes),
          "send a smaller one, or raise --max-picture-mb"};
}

Error unreadable(const std::error_code& error) {
  return {ErrorCode::kNotFound, fmt::format("it cannot be read: {}", lower(error.message())),
          error == std::errc::permission_denied ? "check its permissions and its folder's"
                                                : "check the path"};
}
Error unreadable(int error) { return unreadable(std::error_code(error, std::generic_category())); }

Result<std::string> read_stream(std::FILE* file, std::size_t max_bytes) {
  std::string bytes;
  char block[65536];
  while (const std::size_t count = std::fread(block, 1, sizeof block, file)) {
    bytes.append(block, count);
    if (bytes.size() > max_bytes) return too_large("too many", max_bytes);
  }
  if (std::ferror(file) != 0) return unreadable(errno);
  return bytes;
}

// A file, or what has no size: a FIFO, as <(command) makes one, or a device.
Result<std::string> read_path(const std::filesystem::path& path, std::size_t max_bytes) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    if (std::error_code none; std::filesystem::is_symlink(path, none))
      return Error{ErrorCode::kNotFound, "it is a link to what is not there",
                   "remove the link, or bring back the file"};
    return Error{ErrorCode::kNotFound, "there is no such file",
                 "check the path, and put it in quotes if it has spaces"};
  }
  if (!std::filesystem::status_known(status) || !std::filesystem::exists(status))
    return unreadable(error);
  if (std::filesystem::is_directory(status))
    return Error{ErrorCode::kInvalidArgument, "this is a folder",
                 fmt::format("name pictures in it, as {}", (path / "*.jpg").string())};
  if (std::filesystem::is_socket(status) || std::filesystem::is_block_file(status))
    return Error{ErrorCode::kInvalidArgument, "this is no file", "check the path"};
  if (std::filesystem::is_regular_file(status)) {
    const auto bytes = std::filesystem::file_size(path, error);
    if (!error && bytes > max_bytes) return too_large(std::to_string(bytes), max_bytes);
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  return file ? read_stream(file.get(), max_bytes) : unreadable(errno);
}

Result<std::string> image_bytes_of(const std::string& name, std::size_t max_bytes) {
  if (name == "-") return read_stream(stdin, max_bytes);
  if (starts_with_ignoring_case(name, "data:")) {
    OC_ASSIGN_OR_RETURN(const auto bytes, decode_data_uri(name, max_bytes));
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  if (starts_with_ignoring_case(name, "http://") || starts_with_ignoring_case(name, "https://"))
    return Error{
        ErrorCode::kInvalidArgument, "pictures are not fetched from the network",
        fmt::format("fetch it yourself and name standard input: curl -sL '{}' | ocellus … -",
                    name)};
  if (starts_with_ignoring_case(name, "file:")) {
    OC_ASSIGN_OR_RETURN(const std::string path, path_of_file_uri(name));
    return read_path(path, max_bytes);
  }
  if (is_network_address(name))
    return Error{ErrorCode::kInvalidArgument, "pictures are not fetched from the network",
                 "fetch it yourself and name the file"};
  return read_path(local_path(name), max_bytes);
}

// Endings of what lies among pictures and is none. What has any other ending, or none, is taken for
// a picture: a frame that is damaged or of a kind that is not read is never left out in silence.
constexpr std::array kTexts = {".txt", ".md",  ".log",  ".csv", ".tsv",  ".json", ".jsonl",
                               ".xml", ".ini", ".yaml", ".yml", ".toml", ".html", ".htm",
                               ".srt", ".vtt", ".py",   ".sh",  ".bat"};
constexpr std::array kOthers = {".db",  ".mp4", ".mov", ".mkv", ".webm", ".avi",
                                ".m4v", ".mpg", ".wav", ".mp3", ".m4a",  ".zip"};

bool ends_with_one(std::string_view name, std::span<const char* const> endings) {
  return std::ranges::any_of(
      endings, [&, low = lower(name)](const char* one) { return low.ends_with(one); });
}

// "a, b, c and 4 more"
std::string few_of(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 3;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    out += (i == 0 ? "" : ", ") + printable(names[i], Lines::kOne);
  if (names.size() > kShown) out += fmt::format(" and {} more", names.size() - kShown);
  return out;
}

Result<std::vector<std::string>> files_in(const std::filesystem::path& folder) {
  std::vector<std::string> names, left_out;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::string name = it->path().filename().string();
    std::error_code gone;
    const bool other = name.starts_with('.') || ends_with_one(name, kTexts) ||
                       ends_with_one(name, kOthers) || it->is_directory(gone);
    (other ? left_out : names).push_back(std::move(name));
  }
  if (error) return about(folder.string(), unreadable(error));
  std::ranges::sort(names, natural_less);
  std::ranges::sort(left_out, natural_less);
  if (names.empty())
    return about(folder.string(),
                 {ErrorCode::kNotFound,
                  left_out.empty() ? "the folder is empty"
                                   : "there is no picture in the folder: " + few_of(left_out),
                  "it is to hold a video's frames as pictures"});
  if (!left_out.empty())
    tell_line(fmt::format("note: {}: left out, by name no pictures: {}", shown(folder.string()),
                          few_of(left_out)));
  for (std::string& name : names) name = (folder / name).string();
  return names;
}

}  // namespace

Result<std::vector<std::string>> frame_files(const std::vector<std::string>& names,
                                             std::size_t most) {
  std::vector<std::string> files;
  for (const std::string& name : names) {
    std::error_code error;
    const std::string path = local_path(name);
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(name);
      continue;
    }
    OC_ASSIGN_OR_RETURN(const std::vector<std::string> inside, files_in(path));
    files.insert(files.end(), inside.begin(), inside.end());
  }
  if (files.size() > most)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} frames, at most {} are read", files.size(), most),
                 "take fewer a second, and say so with --fps"};
  return files;
}

bool names_image(const std::string& word) {
  std::error_code error;
  const auto status = std::filesystem::status(local_path(word), error);
  return word == "-" || starts_with_ignoring_case(word, "data:") ||
         starts_with_ignoring_case(word, "file:") || std::filesystem::is_regular_file(status) ||
         std::filesystem::is_fifo(status);
}

bool is_picture_word(const std::string& word) {
  return names_image(word) || names_a_place(word) ||
         (word.find(' ') == std::string::npos &&
          (ends_like_picture(word) || is_network_address(word)));
}

std::string local_path(const std::string& name) {
  if (starts_with_ignoring_case(name, "file:")) {
    const auto path = path_of_file_uri(name);
    return path.ok() ? *path : name;
  }
  std::error_code error;
  const auto home = environment("HOME");
  if (!name.starts_with("~/") || !home || std::filesystem::exists(name, error)) return name;
  return *home + name.substr(1);
}

std::vector<std::string> dropped_images(std::string_view line) {
  const std::string whole(line);
  if (is_there(whole)) return {whole};  // also with spaces, and no quotes around them
  std::vector<std::string> words = shell_words(line);
  if (!words.empty() && std::ranges::all_of(words, is_there)) return words;
  if (std::vector<std::string> paths = unquoted_images(line); !paths.empty()) return paths;
  // Names that are not there are no question either; nor are two that are dropped together, of
  // which one cannot be read.
  const bool quoted = words.size() == 1 && ends_like_picture(words[0]);
  const auto is_name = [](const std::string& word) { return word != "-" && is_picture_word(word); };
  if (!words.empty() && (quoted || std::ranges::all_of(words, is_name))) return words;
  if (names_a_place(whole)) return {whole};
  if (!line.starts_with('/') && !words.empty() && std::ranges::all_of(words, is_path)) return words;
  return {};
}

Result<NamedImage> read_image(const std::string& file, const ImageSettings& settings) {
  const ImageLimits& limits = settings.limits;
  auto content = image_bytes_of(file, limits.max_bytes);
  if (!content.ok()) return about(file, content.error());
  const auto bytes = std::as_bytes(std::span(*content));
  auto info = probe_image(bytes, limits);
  if (!info.ok()) {
    Error error = about(file, info.error());
    if (ends_with_one(file, kTexts)) error.hint = "name a picture";
    return error;
  }
  auto image = decode_image(bytes, limits, {}, settings.reading);
  if (!image.ok()) return about(file, image.error());
  return NamedImage{file == "-" ? file : shown(file), *info,
                    std::make_shared<const Image>(*std::move(image))};
}

Result<std::vector<NamedImage>> read_images(const std::vector<std::string>& files,
                                            const ImageSettings& settings) {
  if (std::count(files.begin(), files.end(), "-") > 1)
    return Error{ErrorCode::kInvalidArgument, "standard input (-) can be read only once"};
  std::vector<NamedImage> pictures;
  for (const std::string& file : files) {
    OC_ASSIGN_OR_RETURN(NamedImage picture, read_image(file, settings));
    if (!picture.image->note.empty())
      tell(fmt::format("note: {}: {}\n", shown(file), picture.image->note));
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

boost::json::object image_json(const NamedImage& picture, const ImagePlan& plan) {
  boost::json::object out{{"format", to_string(picture.info.format)},
                          {"exif_orientation", picture.info.exif_orientation}};
  for (const auto& [key, value] : plan_json(plan)) out[key] = value;
  return out;
}

}  // namespace oc
