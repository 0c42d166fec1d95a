// Every wire dialect, and the paths that speak it. A new one is a row here; docs/add-a-dialect.md.
#pragma once

#include <span>
#include <string_view>

#include "api/dialect.h"

namespace oc {

// Where questions are asked: POST.
struct ChatPath {
  std::string_view path;
  const Dialect& dialect;
};
std::span<const ChatPath> chat_paths();

// Whose errors are told below a prefix where no route says it. The longest that fits counts.
struct DialectPrefix {
  std::string_view prefix;
  const Dialect& dialect;
};
std::span<const DialectPrefix> dialect_prefixes();

// Of all other paths, and where there is no path to be read.
const Dialect& default_dialect();

}  // namespace oc
