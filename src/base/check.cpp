#include "base/check.h"

#include <string_view>

namespace oc {

void check_failed(const char* file, int line, const char* condition, const std::string& detail) {
  // Only the path below src/, elsewhere the name: where it was built is nobody's business.
  std::string_view path = file;
  if (const auto at = path.rfind("/src/"); at != std::string_view::npos)
    path.remove_prefix(at + 5);
  else if (const auto slash = path.rfind('/'); slash != std::string_view::npos)
    path.remove_prefix(slash + 1);
  throw CheckFailure(fmt::format("{}:{}: check failed: {}{}{}", path, line, condition,
                                 detail.empty() ? "" : ": ", detail));
}

}  // namespace oc
