#include "api/registry.h"

#include <array>

#include "api/moondream/dialect.h"
#include "api/openai/dialect.h"

namespace oc {

std::span<const ChatPath> chat_paths() {
  static const std::array<ChatPath, 5> kPaths = {{
      {"/v1/chat/completions", openai_dialect()},
      {"/v1/query", moondream_dialect(MoondreamRoute::kQuery)},
      {"/v1/caption", moondream_dialect(MoondreamRoute::kCaption)},
      {"/v1/detect", moondream_dialect(MoondreamRoute::kDetect)},
      {"/v1/point", moondream_dialect(MoondreamRoute::kPoint)},
  }};
  return kPaths;
}

std::span<const DialectPrefix> dialect_prefixes() {
  // Moondream's errors have OpenAI's shape.
  static const std::array<DialectPrefix, 1> kPrefixes = {{{"/v1/", openai_dialect()}}};
  return kPrefixes;
}

const Dialect& default_dialect() { return openai_dialect(); }

}  // namespace oc
