#include "api/tool_turns.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/utf8.h"

namespace oc {
namespace {

// Written once for each result: a long one would make much of a small body.
constexpr std::size_t kMaxName = 64;

}  // namespace

std::string ToolTurns::call(std::string_view name, std::string_view arguments,
                            std::string_view id) {
  if (!id.empty()) names_[std::string(id)] = whole_code_points(name, kMaxName);
  return arguments.empty() ? fmt::format("I call the tool {}", name)
                           : fmt::format("I call the tool {} with {}", name, arguments);
}

std::string ToolTurns::result_heading(std::string_view id, std::string_view name) const {
  if (const auto found = names_.find(id); !id.empty() && found != names_.end())
    name = found->second;
  name = whole_code_points(name, kMaxName);
  return name.empty() ? "A tool returned:" : fmt::format("The tool {} returned:", name);
}

void add_turn(std::vector<Message>& all, Message turn, bool of_tools, bool& last_of_tools) {
  if (!all.empty() && all.back().role == turn.role && (of_tools || last_of_tools))
    std::ranges::move(turn.parts, std::back_inserter(all.back().parts));
  else
    all.push_back(std::move(turn));
  last_of_tools = of_tools;
}

}  // namespace oc
