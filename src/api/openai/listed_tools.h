// Tools as OpenAI's APIs list them, and which of them has to be called. Only for .cpp files: it
// pulls in Boost.JSON.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/forced_call.h"
#include "base/result.h"

namespace oc {

// A tool that is offered; `custom` ones take text of any form.
struct ListedTool {
  OfferedTool offered;
  bool custom = false;
};
// Of which one has to be called; none: nothing is forced.
using ForcedTools = std::vector<OfferedTool>;

// Adds the one that is named at `param`. kInvalidArgument: there is none; kUnsupported: it is
// custom.
Result<void> force_named(std::span<const ListedTool> tools, std::string_view name,
                         const std::string& param, ForcedTools& out);
// All functions, of which `key` forces one. kInvalidArgument: there is none.
Result<ForcedTools> force_any(std::span<const ListedTool> tools, std::string_view key);

}  // namespace oc
