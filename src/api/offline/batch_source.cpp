#include "api/offline/batch_source.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "base/ascii.h"
#include "base/natural_order.h"
#include "base/valid_utf8.h"
#include "io/file_address.h"
#include "io/json.h"
#include "io/json_elements.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::array<std::string_view, 12> kPictureEndings = {".jpg",  ".jpeg", ".png",  ".webp",
                                                              ".gif",  ".bmp",  ".heic", ".heif",
                                                              ".avif", ".tif",  ".tiff", ".jpe"};
// What a template may name of every picture.
constexpr std::array<std::string_view, 5> kNames = {"file", "name", "stem", "folder", "index"};
constexpr std::size_t kMaxLine = std::size_t{1} << 30;

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

Error no_folder(const fs::path& folder, const std::error_code& error) {
  return {ErrorCode::kNotFound, fmt::format("{}: {}", folder.string(), lower(error.message())),
          "check its permissions"};
}

// The pictures of a folder, and behind them those of the folders in it.
Result<void> add_folder(const fs::path& folder, bool recursive, std::vector<std::string>& out) {
  std::vector<std::string> files, folders;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code unknown;
    if (is_hidden(it->path())) continue;
    if (it->is_directory(unknown)) {  // links are not followed: they may lead back
      if (!it->is_symlink(unknown)) folders.push_back(it->path().string());
    } else if (ends_like_picture(it->path())) {
      files.push_back(it->path().string());
    }
  }
  if (error) return no_folder(folder, error);
  std::ranges::sort(files, natural_less);
  std::ranges::sort(folders, natural_less);
  std::ranges::move(files, std::back_inserter(out));
  if (!recursive) return {};
  for (const std::string& inside : folders) OC_RETURN_IF_ERROR(add_folder(inside, true, out));
  return {};
}

Result<void> add_pattern(const std::string& pattern, std::vector<std::string>& out) {
  glob_t found{};
  const int failed = ::glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<std::string> files;
  for (std::size_t i = 0; failed == 0 && i < found.gl_pathc; ++i)
    if (std::error_code error; !fs::is_directory(found.gl_pathv[i], error))
      files.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  if (files.empty())
    return Error{ErrorCode::kNotFound, fmt::format("no file is called like {}", pattern),
                 "check the pattern and the folder"};
  std::ranges::sort(files, natural_less);
  std::ranges::move(files, std::back_inserter(out));
  return {};
}

// As std::getline(), without a byte order mark at the file's beginning.
bool next_line(std::ifstream& file, std::string& line) {
  const bool first = file.tellg() == std::streampos(0);
  if (!std::getline(file, line)) return false;
  if (first && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
  return true;
}

Result<void> add_list(const fs::path& list, std::vector<std::string>& out) {
  std::ifstream file(list);
  if (!file)
    return Error{ErrorCode::kNotFound, fmt::format("{} cannot be read", list.string()),
                 "check its permissions"};
  for (std::string text; next_line(file, text);) {
    if (text.ends_with('\r')) text.pop_back();
    if (text.empty()) continue;
    const auto path = listed_file(text, list.parent_path());
    out.push_back(path.ok() ? *path : text);  // what cannot be one is told of in its record
  }
  return {};
}

bool has_ending(const std::string& word, std::string_view ending) {
  return equal_ignoring_case(fs::path(word).extension().string(), ending);
}

// Whether the first line that is none but white space looks like a request.
Result<BatchKind> kind_of_lines(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  while (line.find_first_not_of(" \t\r") == line.npos && next_line(file, line)) {
  }
  if (line.find_first_not_of(" \t\r") == line.npos)
    return Error{ErrorCode::kInvalidArgument, fmt::format("{} has no lines", path),
                 "a line is a JSON object"};
  const auto value = parse_json(line, path);
  const bool request =
      value.ok() && value->is_object() &&
      (value->get_object().contains("custom_id") || value->get_object().contains("body"));
  return request ? BatchKind::kRequests : BatchKind::kList;
}

// A field as text for a template.
std::optional<std::string> text_of(const BatchItem& item, std::string_view name) {
  const json::value* value = item.fields.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (value->is_string()) return std::string(value->get_string());
  const auto exact = item.exact.find(name);
  return exact == item.exact.end() ? json_text(*value) : exact->second;
}

// Names of the template that no picture has, and no line of the list.
Result<void> check_names(const TextTemplate& question, const BatchInputs& inputs) {
  std::set<std::string> missing;
  for (const std::string& name : question.names())
    if (std::ranges::find(kNames, name) == kNames.end()) missing.insert(name);
  if (inputs.kind == BatchKind::kList && !missing.empty()) {
    std::ifstream file(inputs.lines);
    for (std::string line; !missing.empty() && next_line(file, line);) {
      const auto value = parse_json(line, inputs.lines);
      if (!value.ok() || !value->is_object()) continue;
      std::erase_if(missing,
                    [&](const std::string& name) { return value->get_object().contains(name); });
    }
  }
  if (missing.empty()) return {};
  return TextTemplate::no_such_value(*missing.begin());
}

Result<void> keep_exact(BatchItem& item, std::string_view line, std::string_view where) {
  OC_ASSIGN_OR_RETURN(const auto members, json_members(line, where));
  for (const JsonMember& member : members)
    if (!item.fields.at(member.key).is_string())
      item.exact[member.key] = compact_json(member.value);
  return {};
}

}  // namespace

Result<BatchInputs> find_inputs(const std::vector<std::string>& words, bool recursive) {
  BatchInputs out;
  for (const std::string& word : words) {
    std::error_code error;
    const bool there = fs::exists(word, error);
    if (there && has_ending(word, ".jsonl")) {
      if (words.size() > 1)
        return Error{ErrorCode::kInvalidArgument, fmt::format("{} stands beside others", word),
                     "a list or a file of requests is named alone"};
      OC_ASSIGN_OR_RETURN(out.kind, kind_of_lines(word));
      out.lines = word;
      return out;
    }
    if (fs::is_directory(word, error)) {
      OC_RETURN_IF_ERROR(add_folder(word, recursive, out.pictures));
    } else if (there && has_ending(word, ".txt")) {
      OC_RETURN_IF_ERROR(add_list(word, out.pictures));
    } else if (!there && word.find_first_of("*?[") != word.npos) {
      OC_RETURN_IF_ERROR(add_pattern(word, out.pictures));
    } else {
      out.pictures.push_back(word);  // one that is not there is told of in its record
    }
  }
  if (out.pictures.empty())
    return Error{ErrorCode::kNotFound, "there are no pictures",
                 "name pictures, a folder with some (--recursive for those below it), a pattern in "
                 "quotes, a list (.txt) or a file of lines (.jsonl)"};
  return out;
}

bool ends_like_picture(const fs::path& path) {
  return std::ranges::find(kPictureEndings, lower(path.extension().string())) !=
         kPictureEndings.end();
}

Result<BatchSource> BatchSource::open(BatchInputs inputs, std::optional<TextTemplate> question) {
  BatchSource out;
  if (inputs.kind == BatchKind::kPictures && !question)
    return Error{ErrorCode::kInvalidArgument, "there is no question",
                 "--question \"Describe {name}.\""};
  if (inputs.kind == BatchKind::kRequests && question)
    return Error{ErrorCode::kInvalidArgument, "the requests have questions of their own",
                 "leave --question out"};
  if (question) OC_RETURN_IF_ERROR(check_names(*question, inputs));
  if (inputs.kind != BatchKind::kPictures) {
    std::error_code error;
    out.lines_.open(inputs.lines, std::ios::binary);
    out.bytes_ = fs::file_size(inputs.lines, error);
    if (!out.lines_ || error)
      return Error{ErrorCode::kNotFound, fmt::format("{} cannot be read", inputs.lines),
                   "name a file; check its permissions"};
  }
  out.inputs_ = std::move(inputs);
  out.question_ = std::move(question);
  return out;
}

std::optional<std::size_t> BatchSource::count() const {
  if (inputs_.kind != BatchKind::kPictures) return std::nullopt;
  return inputs_.pictures.size();
}

double BatchSource::share() const {
  const auto part = [](auto done, auto all) {
    return all == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(all);
  };
  return inputs_.kind == BatchKind::kPictures ? part(index_, inputs_.pictures.size())
                                              : std::min(1.0, part(read_, bytes_));
}

Result<std::optional<BatchItem>> BatchSource::next() {
  if (inputs_.kind == BatchKind::kPictures) {
    if (index_ == inputs_.pictures.size()) return std::optional<BatchItem>();
    const std::string& file = inputs_.pictures[index_];
    return std::optional(picture(file));
  }
  for (std::string text; next_line(lines_, text); text.clear()) {
    ++line_number_;
    read_ += text.size() + 1;
    if (text.find_first_not_of(" \t\r") == text.npos) continue;
    return std::optional(line(text));
  }
  if (lines_.bad())
    return Error{ErrorCode::kUnavailable, fmt::format("{} cannot be read", inputs_.lines),
                 "check the disk; --resume goes on"};
  return std::optional<BatchItem>();
}

void BatchSource::rewind() {
  index_ = line_number_ = 0;
  read_ = 0;
  lines_.clear();
  lines_.seekg(0);
}

Result<void> BatchSource::ask(BatchItem& item, std::string_view shown) const {
  const fs::path path(item.file);
  const auto value_of = [&](std::string_view name) -> std::optional<std::string> {
    if (auto field = text_of(item, name)) return field;
    if (name == "file") return valid_utf8(shown);
    if (name == "name") return valid_utf8(path.filename().string());
    if (name == "stem") return valid_utf8(path.stem().string());
    if (name == "folder") return valid_utf8(path.parent_path().filename().string());
    if (name == "index") return std::to_string(item.index + 1);
    return std::nullopt;
  };
  OC_ASSIGN_OR_RETURN(item.question, question_->fill(value_of));
  return {};
}

BatchItem BatchSource::picture(const std::string& file) {
  BatchItem item;
  item.index = index_++;
  item.share = share();
  item.file = file;
  item.fields["image"] = valid_utf8(file);
  if (const auto asked = ask(item, file); !asked.ok()) item.wrong = asked.error();
  if (const auto path = listed_file(file, ""); !path.ok()) item.wrong = path.error();
  return item;
}

BatchItem BatchSource::line(const std::string& text) {
  const std::string where = fmt::format("line {}", line_number_);
  BatchItem item;
  item.index = index_++;
  item.share = share();
  auto value = text.size() > kMaxLine
                   ? Result<json::value>(Error{ErrorCode::kTooLarge, where + " is too long"})
                   : parse_json(text, where);
  const Result<void> read = [&]() -> Result<void> {
    if (!value.ok()) return value.error();
    if (!value->is_object())
      return Error{ErrorCode::kInvalidArgument, where + " is no JSON object"};
    item.fields = std::move(value->get_object());
    if (inputs_.kind == BatchKind::kRequests) return read_request(item, text, where);
    OC_RETURN_IF_ERROR(keep_exact(item, text, where));
    return read_list_line(item);
  }();
  if (!read.ok()) item.wrong = read.error();
  return item;
}

Result<void> BatchSource::read_list_line(BatchItem& item) const {
  const JsonReader reader(item.fields, fmt::format("line {}", line_number_),
                          R"(a line is {"image": "a.jpg", "question": "…"})");
  OC_ASSIGN_OR_RETURN(const std::string image, reader.string("image"));
  auto file = listed_file(image, fs::path(inputs_.lines).parent_path());
  item.file = file.ok() ? *file : image;
  if (question_) {
    OC_RETURN_IF_ERROR(ask(item, image));
  } else {
    OC_ASSIGN_OR_RETURN(item.question, reader.string("question"));
  }
  if (!file.ok()) return file.error();
  return {};
}

Result<void> BatchSource::read_request(BatchItem& item, const std::string& text,
                                       const std::string& where) {
  const JsonReader reader(item.fields, where,
                          R"(a line is {"custom_id": "1", "method": "POST", )"
                          R"("url": "/v1/chat/completions", "body": {…}})");
  OC_ASSIGN_OR_RETURN(item.custom_id, reader.string("custom_id"));
  OC_ASSIGN_OR_RETURN(const std::string method, reader.string("method"));
  OC_ASSIGN_OR_RETURN(item.url, reader.string("url"));
  if (method != "POST")
    return reader.error(ErrorCode::kInvalidArgument, "\"method\" must be \"POST\"");
  if (!item.fields.contains("body"))
    return reader.error(ErrorCode::kInvalidArgument, "\"body\" is missing");
  OC_ASSIGN_OR_RETURN(const auto members, json_members(text, where));
  for (const JsonMember& member : members)
    if (member.key == "body") item.body = member.value;
  item.fields.clear();  // a picture may be in it
  return {};
}

}  // namespace oc
