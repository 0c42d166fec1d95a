#include "api/original_fields.h"

#include <fmt/format.h>

namespace oc {

// The original's times are strings of seconds.
std::string with_original_fields(std::string completion, const ServedModel& model,
                                 const GenerateResult& result) {
  completion.pop_back();  // the closing brace
  return fmt::format(
      R"({},"performance":{{"processing_time":"{:.2f}s","framework":"ocellus","method":"{}"}},)"
      R"("optimized":{},"method":"{}"}})",
      completion, result.timings.total_ms / 1000, model.method, model.optimized, model.method);
}

}  // namespace oc
