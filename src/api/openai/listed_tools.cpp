#include "api/openai/listed_tools.h"

#include <fmt/format.h>

#include <algorithm>

namespace oc {

Result<void> force_named(std::span<const ListedTool> tools, std::string_view name,
                         const std::string& param, ForcedTools& out) {
  const auto found = std::ranges::find(
      tools, name, [](const ListedTool& one) -> std::string_view { return one.offered.name; });
  if (found == tools.end())
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" is none of the tools that are offered", param),
                 "name one of them", param};
  if (found->custom)
    return Error{ErrorCode::kUnsupported,
                 fmt::format("\"{}\": a custom tool cannot be forced", param),
                 "offer a function with parameters", param};
  out.push_back(found->offered);
  return {};
}

Result<ForcedTools> force_any(std::span<const ListedTool> tools, std::string_view key) {
  ForcedTools out;
  for (const ListedTool& tool : tools)
    if (!tool.custom) out.push_back(tool.offered);
  if (out.empty())
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" forces a call, and no function is offered", key),
                 "offer one in \"tools\"", std::string(key)};
  return out;
}

}  // namespace oc
