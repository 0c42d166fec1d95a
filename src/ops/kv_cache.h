// Keys and values of one sequence, all layers, in the engine's own layout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace oc {

struct KvSpec {
  int layers = 0;
  int kv_heads = 0;  // G
  int head_dim = 0;  // d
};

// Tokens of a block: what sequences share, and what memory is counted in. Engines may hold less.
inline constexpr std::int64_t kKvBlockTokens = 64;
constexpr std::int64_t whole_kv_blocks(std::int64_t tokens) {
  return (tokens + kKvBlockTokens - 1) / kKvBlockTokens * kKvBlockTokens;
}

// Belongs to one sequence at a time; not thread-safe. attend() writes rows [position,
// position+length) of one layer; the model calls advance() once all layers of a step are written.
class KvSequence {
 public:
  virtual ~KvSequence() = default;
  virtual std::int64_t length() const = 0;         // tokens that every layer holds
  virtual void advance(std::int64_t tokens) = 0;   // the step's rows are complete
  virtual void truncate(std::int64_t tokens) = 0;  // forget everything from `tokens` on
  // A sequence that begins with the first `tokens` tokens of this one; whole blocks are shared.
  virtual std::unique_ptr<KvSequence> fork(std::int64_t tokens) const = 0;
  virtual std::size_t bytes() const = 0;  // memory held, shared blocks counted in full
};

}  // namespace oc
