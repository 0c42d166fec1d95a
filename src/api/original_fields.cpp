#include "api/original_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace oc {

std::string method_of(const EngineInfo& engine) {
  std::string name = engine.name;
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
  return name;
}

// The original's times are strings of seconds.
std::string with_original_fields(std::string completion, const OriginalModel& model,
                                 const GenerateResult& result) {
  completion.pop_back();  // the closing brace
  fmt::format_to(
      std::back_inserter(completion),
      R"(,"performance":{{"processing_time":"{:.2f}s","framework":"ocellus","method":"{}"}},)"
      R"("optimized":{},"method":"{}"}})",
      result.timings.total_ms / 1000, model.method, model.optimized, model.method);
  return completion;
}

}  // namespace oc
