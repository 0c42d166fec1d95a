#include "api/registry.h"

#include <array>

#include "api/openai/dialect.h"

namespace oc {

std::span<const ChatPath> chat_paths() {
  static const std::array<ChatPath, 1> kPaths = {{{"/v1/chat/completions", openai_dialect()}}};
  return kPaths;
}

std::span<const DialectPrefix> dialect_prefixes() {
  static const std::array<DialectPrefix, 1> kPrefixes = {{{"/v1/", openai_dialect()}}};
  return kPrefixes;
}

const Dialect& default_dialect() { return openai_dialect(); }

}  // namespace oc
