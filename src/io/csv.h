// Rows of comma-separated values, RFC 4180 with plain newlines.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace oc {

// Without a newline at the end. Values with commas, quotes, newlines, or spaces at an end are
// quoted.
std::string csv_row(std::span<const std::string> values);
// `text` as a cell that no spreadsheet takes for a formula: where it begins, perhaps behind
// apostrophes, with = + - @ (also the wide ones), a tab or a line's end, it gets an apostrophe in
// front. Numbers stay as they are.
std::string csv_text(std::string_view text);
// The values of a row, without its newline. What stands behind a closing quote is taken as it is.
std::vector<std::string> csv_values(std::string_view row);

}  // namespace oc
