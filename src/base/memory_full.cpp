#include "base/memory_full.h"

#include <fmt/format.h>

namespace oc {

Error memory_full(std::string_view of) {
  return {ErrorCode::kMemoryFull, fmt::format("the server holds as many {} as it may", of),
          "try again later, or give the server more (--max-memory-mb)"};
}

}  // namespace oc
