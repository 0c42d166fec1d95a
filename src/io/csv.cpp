#include "io/csv.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace oc {
namespace {

bool wants_quotes(const std::string& value) {
  return value.find_first_of(",\"\r\n") != value.npos ||
         (!value.empty() && (value.front() == ' ' || value.back() == ' '));
}

// -12.5
bool is_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && is_digit(text.front()) && is_digit(text.back()) &&
         std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '.'; }) &&
         std::ranges::count(text, '.') <= 1;
}

}  // namespace

std::string csv_text(std::string_view text) {
  constexpr std::array<std::string_view, 11> kFormulas = {
      "=", "+", "-", "@", "\t", "\r", "\n", "\uFF1D", "\uFF0B", "\uFF0D", "\uFF20"};
  const std::string_view inner = text.substr(std::min(text.find_first_not_of('\''), text.size()));
  const bool formula =
      std::ranges::any_of(kFormulas, [&](std::string_view one) { return inner.starts_with(one); });
  return formula && !is_number(text) ? "'" + std::string(text) : std::string(text);
}

std::string csv_row(std::span<const std::string> values) {
  std::string out;
  for (const std::string& value : values) {
    if (&value != &values.front()) out += ',';
    if (!wants_quotes(value)) {
      out += value;
      continue;
    }
    out += '"';
    for (const char c : value) out.append(c == '"' ? 2 : 1, c);
    out += '"';
  }
  return out;
}

std::vector<std::string> csv_values(std::string_view row) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const char c = row[i];
    if (quoted && c == '"' && i + 1 < row.size() && row[i + 1] == '"') {
      out.back() += row[++i];
    } else if (c == '"' && (quoted || out.back().empty())) {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

}  // namespace oc
