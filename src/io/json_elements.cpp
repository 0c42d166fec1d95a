#include "io/json_elements.h"

#include <fmt/format.h>

#include <string>

#include "io/json.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxMemberBytes = 64u << 10;

// Finds where values begin and end; whether they are right is seen by whoever parses them.
class JsonScanner {
 public:
  JsonScanner(std::string_view text, std::string_view what) : text_(text), what_(what) {}

  char next() {
    at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char wanted) {
    if (next() != wanted) return false;
    ++at_;
    return true;
  }
  // The text of the value that begins here.
  Result<std::string_view> value() {
    next();
    const std::size_t begin = at_;
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        if (!pass_string()) return wrong();
      } else if (c == '{' || c == '[') {
        ++depth;
        ++at_;
      } else if (c == '}' || c == ']') {
        if (depth == 0) break;
        --depth;
        ++at_;
      } else if (depth == 0 && (c == ',' || c == ':')) {
        break;
      } else {
        ++at_;
        continue;
      }
      if (depth == 0) break;
    }
    if (depth > 0 || at_ == begin) return wrong();
    return text_.substr(begin, at_ - begin);
  }
  Error wrong() const {
    return {ErrorCode::kInvalidArgument, fmt::format("{}: not valid JSON at byte {}", what_, at_),
            "take the file as it was published"};
  }

 private:
  bool pass_string() {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '"') {
        ++at_;
        return true;
      }
    }
    return false;
  }

  std::string_view text_, what_;
  std::size_t at_ = 0;
};

// Behind the brace that opens an object: `on_member` stands before a value, and passes it.
template <class OnMember>
Result<void> read_members(JsonScanner& scanner, std::string_view what, const OnMember& on_member) {
  while (!scanner.take('}')) {
    OC_ASSIGN_OR_RETURN(const std::string_view key_text, scanner.value());
    OC_ASSIGN_OR_RETURN(const json::value key, parse_json(key_text, what));
    if (!key.is_string() || !scanner.take(':')) return scanner.wrong();
    OC_RETURN_IF_ERROR(on_member(std::string_view(key.get_string())));
    if (!scanner.take(',') && scanner.next() != '}') return scanner.wrong();
  }
  return {};
}

Result<void> read_list(JsonScanner& scanner, std::string_view what, const OnElement& on_element) {
  if (!scanner.take('[')) return scanner.wrong();
  if (scanner.take(']')) return {};
  do {
    OC_ASSIGN_OR_RETURN(const std::string_view text, scanner.value());
    OC_ASSIGN_OR_RETURN(const json::value element, parse_json(text, what));
    OC_RETURN_IF_ERROR(on_element(element));
  } while (scanner.take(','));
  if (!scanner.take(']')) return scanner.wrong();
  return {};
}

}  // namespace

Result<json::object> for_each_element(std::string_view text, std::string_view what,
                                      std::string_view list, const OnElement& on_element) {
  JsonScanner scanner(text, what);
  json::object others;
  bool found = false;
  if (!scanner.take('{')) return scanner.wrong();
  const auto take = [&](std::string_view key) -> Result<void> {
    if (key == list) {
      found = true;
      return read_list(scanner, what, on_element);
    }
    OC_ASSIGN_OR_RETURN(const std::string_view value, scanner.value());
    if (value.size() > kMaxMemberBytes) return {};
    OC_ASSIGN_OR_RETURN(others[key], parse_json(value, what));
    return {};
  };
  OC_RETURN_IF_ERROR(read_members(scanner, what, take));
  if (!found)
    return Error{ErrorCode::kInvalidArgument, fmt::format("{}: \"{}\" is missing", what, list),
                 "take the file as it was published"};
  return others;
}

Result<std::vector<JsonMember>> json_members(std::string_view text, std::string_view what) {
  JsonScanner scanner(text, what);
  std::vector<JsonMember> out;
  if (!scanner.take('{')) return scanner.wrong();
  const auto take = [&](std::string_view key) -> Result<void> {
    OC_ASSIGN_OR_RETURN(const std::string_view value, scanner.value());
    out.push_back({std::string(key), value});
    return {};
  };
  OC_RETURN_IF_ERROR(read_members(scanner, what, take));
  return out;
}

}  // namespace oc
