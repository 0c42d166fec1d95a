#include "io/csv.h"

#include <algorithm>

namespace oc {
namespace {

bool wants_quotes(const std::string& value) {
  return value.find_first_of(",\"\r\n") != value.npos ||
         (!value.empty() && (value.front() == ' ' || value.back() == ' '));
}

}  // namespace

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
