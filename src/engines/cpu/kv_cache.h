// The CPU engine's KV cache: blocks of kernels::kKvBlock tokens, all layers in one block, shared
// between sequences by reference count and copied before a shared one is written.
#pragma once

#include <memory>
#include <vector>

#include "engines/cpu/storage.h"
#include "kernels/kernels.h"
#include "ops/kv_cache.h"

namespace oc {

class CpuSequence final : public KvSequence {
 public:
  CpuSequence(const KvSpec& spec, kernels::Storage type, std::shared_ptr<BufferPool> pool);

  std::int64_t length() const override { return length_; }
  void advance(std::int64_t tokens) override;
  void truncate(std::int64_t tokens) override;
  std::unique_ptr<KvSequence> fork(std::int64_t tokens) const override;
  std::size_t bytes() const override;
  std::size_t block_bytes() const;  // of kernels::kKvBlock tokens

  // Blocks for positions up to `tokens`, owned alone from `position` on. Before a step writes.
  void reserve(std::int64_t position, std::int64_t tokens);
  // Writes k and v [G·d] of one position (keys rotated), rounded to the cache's type. A number
  // depends on its own token and head alone: never on the step that wrote it.
  void write(int layer, std::int64_t position, const float* k, const float* v,
             const kernels::Table& table);
  // Start of each block for one layer and head, laid out as kernels::AttentionHead says.
  std::vector<const void*> head_blocks(int layer, int head, std::int64_t tokens) const;

  const KvSpec& spec() const { return spec_; }
  kernels::Storage type() const { return type_; }

 private:
  std::size_t head_bytes() const;
  std::byte* head_at(std::size_t block, int layer, int head) const;
  std::shared_ptr<Buffer> new_block() const;

  KvSpec spec_;
  kernels::Storage type_;
  std::shared_ptr<BufferPool> pool_;
  std::int64_t length_ = 0;
  std::vector<std::shared_ptr<Buffer>> blocks_;
};

}  // namespace oc
