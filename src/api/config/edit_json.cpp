#include "api/config/edit_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "io/json.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct Span {
  std::size_t begin = 0, end = 0;
};

struct Member {
  std::string name;
  Span key, value;
};

struct Edit {
  Span where;
  std::string text;
};

bool same(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return a.to_number<double>() == b.to_number<double>();
  return a == b;
}

// Where things are in a text that parse_json() has taken, so that nothing is checked here.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::size_t skip_space(std::size_t at) const {
    return std::min(text_.find_first_not_of(kSpace, at), text_.size());
  }
  std::size_t end_of_value(std::size_t at) const {
    if (text_[at] == '"') return end_of_string(at);
    if (text_[at] != '{' && text_[at] != '[')
      return std::min(text_.find_first_of(" \t\r\n,]}", at), text_.size());
    int depth = 0;
    do {
      const char c = text_[at];
      if (c == '"') {
        at = end_of_string(at);
        continue;
      }
      depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
      ++at;
    } while (depth > 0);
    return at;
  }
  // Of the object that begins at `at`.
  std::vector<Member> members(std::size_t at) const {
    std::vector<Member> out;
    at = skip_space(at + 1);
    while (text_[at] != '}') {
      Member member;
      member.key = {at, end_of_string(at)};
      const std::string_view quoted = text_.substr(at, member.key.end - at);
      if (const auto name = parse_json(quoted, "key"); name.ok())
        member.name = std::string(name->get_string());
      const std::size_t colon = skip_space(member.key.end);
      member.value.begin = skip_space(colon + 1);
      member.value.end = end_of_value(member.value.begin);
      at = skip_space(member.value.end);
      if (text_[at] == ',') at = skip_space(at + 1);
      out.push_back(std::move(member));
    }
    return out;
  }
  std::string_view between(std::size_t begin, std::size_t end) const {
    return text_.substr(begin, end - begin);
  }
  std::string_view text() const { return text_; }

 private:
  std::size_t end_of_string(std::size_t at) const {
    for (++at; text_[at] != '"'; ++at)
      if (text_[at] == '\\') ++at;
    return at + 1;
  }

  std::string_view text_;
};

// How new members are written.
struct Style {
  std::string line_end;  // empty: all in one line
  std::string unit;      // one step of indentation
  std::string pad;       // in one line: between a brace and what is next to it
  std::string comma = ", ", colon = ": ";
};

// The indentation of the last line of `space`, which may hold a comma.
std::string_view behind_last_line_end(std::string_view space) {
  const std::size_t end = space.rfind('\n');
  if (end == std::string_view::npos) return {};
  space.remove_prefix(end + 1);
  return space.substr(0, space.find_first_not_of(" \t"));
}

// As the members of the whole document are written.
Style style_of(const Scanner& scanner, std::size_t root, const std::vector<Member>& members) {
  Style style{.line_end = "\n", .unit = "  "};
  if (members.empty()) return style;
  const Member& first = members.front();
  const std::string_view lead = scanner.between(root + 1, first.key.begin);
  style.colon = scanner.between(first.key.end, first.value.begin);
  if (lead.find('\n') == std::string_view::npos) {
    style.line_end.clear();
    style.pad = lead;
    style.comma = style.colon.ends_with(' ') ? ", " : ",";
    if (members.size() > 1) style.comma = scanner.between(first.value.end, members[1].key.begin);
    return style;
  }
  if (lead.find("\r\n") != std::string_view::npos) style.line_end = "\r\n";
  if (const std::string_view indent = behind_last_line_end(lead); !indent.empty())
    style.unit = indent;
  return style;
}

std::string written(const json::value& value, const Style& style, const std::string& indent);

// `indent`: of the line that the object begins in.
std::string written_object(const json::object& object, const Style& style,
                           const std::string& indent) {
  if (object.empty()) return "{}";
  const bool lines = !style.line_end.empty();
  const std::string inner = indent + style.unit;
  const std::string before = lines ? style.line_end + inner : style.pad;
  std::string out = "{" + before;
  bool first = true;
  for (const auto& [key, value] : object) {
    if (!first) out += lines ? "," + before : style.comma;
    first = false;
    out += json_quoted(key) + style.colon + written(value, style, inner);
  }
  return out + (lines ? style.line_end + indent : style.pad) + "}";
}

std::string written(const json::value& value, const Style& style, const std::string& indent) {
  if (value.is_object()) return written_object(value.get_object(), style, indent);
  return json_text(value);
}

class Editor {
 public:
  Editor(std::string_view text, std::size_t root)
      : scanner_(text), style_(style_of(scanner_, root, scanner_.members(root))) {}

  // `indent`: of the line that the object at `at` begins in.
  void change(std::size_t at, const json::object& changes, const std::string& indent) {
    const std::vector<Member> members = scanner_.members(at);
    json::object fresh;
    for (const auto& [key, value] : changes) {
      // Of two members of one name the last one counts.
      const auto found = std::find_if(members.rbegin(), members.rend(), [&](const Member& member) {
        return member.name == std::string_view(key);
      });
      if (found == members.rend()) {
        fresh.emplace(key, value);
        continue;
      }
      const std::size_t index = static_cast<std::size_t>(members.rend() - found) - 1;
      replace(*found, value, indent_of(at, members, index, indent));
    }
    if (!fresh.empty()) insert(at, members, fresh, indent);
  }

  std::string apply() {
    std::ranges::sort(edits_, {}, [](const Edit& edit) { return edit.where.begin; });
    std::string out;
    std::size_t at = 0;
    for (const Edit& edit : edits_) {
      out += scanner_.between(at, edit.where.begin);
      out += edit.text;
      at = edit.where.end;
    }
    return out += scanner_.text().substr(at);
  }

 private:
  // The white space before a member, with its comma.
  std::string_view lead(std::size_t object, const std::vector<Member>& members,
                        std::size_t index) const {
    return scanner_.between(index == 0 ? object + 1 : members[index - 1].value.end,
                            members[index].key.begin);
  }
  std::string indent_of(std::size_t object, const std::vector<Member>& members, std::size_t index,
                        const std::string& outer) const {
    const std::string_view space = lead(object, members, index);
    return space.find('\n') == std::string_view::npos ? outer
                                                      : std::string(behind_last_line_end(space));
  }

  void replace(const Member& member, const json::value& value, const std::string& indent) {
    const std::size_t at = member.value.begin;
    if (value.is_object() && scanner_.text()[at] == '{')
      return change(at, value.get_object(), indent);
    const auto old = parse_json(scanner_.between(at, member.value.end), "value");
    if (old.ok() && same(*old, value)) return;
    edits_.push_back({member.value, written(value, style_, indent)});
  }

  void insert(std::size_t at, const std::vector<Member>& members, const json::object& fresh,
              const std::string& indent) {
    if (members.empty()) {
      edits_.push_back({{at, scanner_.end_of_value(at)}, written_object(fresh, style_, indent)});
      return;
    }
    const Member& last = members.back();
    std::string comma(lead(at, members, members.size() - 1));
    const std::string colon(scanner_.between(last.key.end, last.value.begin));
    if (members.size() == 1)
      comma = "," + (comma.empty() && colon.ends_with(' ') ? std::string(" ") : comma);
    Style style = style_;
    if (comma.find('\n') == std::string::npos) style.line_end.clear();
    const std::string inner = indent_of(at, members, members.size() - 1, indent);
    std::string text;
    for (const auto& [key, value] : fresh)
      text += comma + json_quoted(key) + colon + written(value, style, inner);
    edits_.push_back({{last.value.end, last.value.end}, std::move(text)});
  }

  Scanner scanner_;
  Style style_;
  std::vector<Edit> edits_;
};

}  // namespace

std::string_view without_byte_order_mark(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

Result<std::string> edit_json(std::string_view text, const json::object& changes,
                              std::string_view what) {
  const std::string_view body = without_byte_order_mark(text);
  OC_ASSIGN_OR_RETURN(const json::value before, parse_json(body, what));
  if (!before.is_object())
    return Error{ErrorCode::kCorrupt, fmt::format("{}: must be a JSON object", what), ""};
  const std::size_t root = body.find('{');
  Editor editor(body, root);
  editor.change(root, changes, "");
  std::string after = editor.apply();
  OC_CHECK(parse_json(after, what).ok(), "{}: an edit has made it invalid", what);
  return std::string(text.substr(0, text.size() - body.size())) + after;
}

}  // namespace oc
