#include "io/json_text.h"

#include <array>
#include <charconv>
#include <cstdint>

#include "base/number_text.h"

namespace oc {
namespace {

namespace json = boost::json;

void put(const json::value& value, std::string& out);

void put_string(std::string_view text, std::string& out) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  std::size_t from = 0;  // what needs no escape goes in one piece
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out += text.substr(from, i - from);
    from = i + 1;
    out += '\\';
    switch (c) {
      case '"':
      case '\\':
        out += static_cast<char>(c);
        break;
      case '\b':
        out += 'b';
        break;
      case '\f':
        out += 'f';
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      default:
        out += "u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out += text.substr(from);
  out += '"';
}

template <class Integer>
void put_integer(Integer value, std::string& out) {
  std::array<char, 24> buffer;
  out.append(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr);
}

void put_object(const json::object& object, std::string& out) {
  out += '{';
  bool first = true;
  for (const auto& [key, member] : object) {
    if (!first) out += ',';
    first = false;
    put_string(std::string_view(key), out);
    out += ':';
    put(member, out);
  }
  out += '}';
}

void put_array(const json::array& array, std::string& out) {
  out += '[';
  bool first = true;
  for (const json::value& element : array) {
    if (!first) out += ',';
    first = false;
    put(element, out);
  }
  out += ']';
}

void put(const json::value& value, std::string& out) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      return;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return;
    case json::kind::int64:
      return put_integer(value.get_int64(), out);
    case json::kind::uint64:
      return put_integer(value.get_uint64(), out);
    case json::kind::double_:
      out += number_text(value.get_double());
      return;
    case json::kind::string:
      return put_string(std::string_view(value.get_string()), out);
    case json::kind::array:
      return put_array(value.get_array(), out);
    case json::kind::object:
      return put_object(value.get_object(), out);
  }
}

}  // namespace

std::string json_text(const json::value& value) {
  std::string out;
  put(value, out);
  return out;
}
std::string json_text(const json::object& object) {
  std::string out;
  put_object(object, out);
  return out;
}
std::string json_text(const json::array& array) {
  std::string out;
  put_array(array, out);
  return out;
}
std::string compact_json(std::string_view text) {
  std::string out;
  bool within = false;  // a string
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!within && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) continue;
    out += c;
    if (c == '"') within = !within;
    if (within && c == '\\' && i + 1 < text.size()) out += text[++i];
  }
  return out;
}

std::string json_quoted(std::string_view text) {
  std::string out;
  put_string(text, out);
  return out;
}

}  // namespace oc
