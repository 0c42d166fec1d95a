// Text that people or models wrote, where markup is read.
#pragma once

#include <string>
#include <string_view>

namespace oc {

// Between tags and in quoted attributes of HTML and SVG; what would turn the direction of reading
// is spelled out.
std::string in_markup(std::string_view text);

// In a cell of a Markdown table: one line, in which nothing is a mark.
std::string in_markdown(std::string_view text);

}  // namespace oc
