#include "engines/cpu/kv_cache.h"

#include <cstring>

namespace oc {

static_assert(kernels::kKvBlock == kKvBlockTokens, "memory is counted in other blocks");

using kernels::kKvBlock;

CpuSequence::CpuSequence(const KvSpec& spec, kernels::Storage type,
                         std::shared_ptr<BufferPool> pool)
    : spec_(spec), type_(type), pool_(std::move(pool)) {}

std::size_t CpuSequence::head_bytes() const {
  return kernels::kv_block_bytes(type_, spec_.head_dim);
}

std::byte* CpuSequence::head_at(std::size_t block, int layer, int head) const {
  const auto index = static_cast<std::size_t>(layer) * static_cast<std::size_t>(spec_.kv_heads) +
                     static_cast<std::size_t>(head);
  return blocks_[block]->data() + index * head_bytes();
}

std::size_t CpuSequence::block_bytes() const {
  return static_cast<std::size_t>(spec_.layers) * static_cast<std::size_t>(spec_.kv_heads) *
         head_bytes();
}

std::shared_ptr<Buffer> CpuSequence::new_block() const {
  const std::size_t bytes = block_bytes();
  auto block = std::make_shared<Buffer>(pool_->take_exactly(bytes));
  std::memset(block->data(), 0, bytes);  // kernels read whole blocks and need finite values
  return block;
}

void CpuSequence::advance(std::int64_t tokens) {
  OC_CHECK(length_ + tokens <= static_cast<std::int64_t>(blocks_.size()) * kKvBlock,
           "advance {} by {}: not reserved", length_, tokens);
  length_ += tokens;
}

void CpuSequence::truncate(std::int64_t tokens) {
  OC_CHECK(tokens >= 0 && tokens <= length_, "truncate {} to {}", length_, tokens);
  length_ = tokens;
  blocks_.resize(static_cast<std::size_t>((tokens + kKvBlock - 1) / kKvBlock));
}

std::unique_ptr<KvSequence> CpuSequence::fork(std::int64_t tokens) const {
  auto copy = std::make_unique<CpuSequence>(*this);
  copy->truncate(tokens);
  return copy;
}

std::size_t CpuSequence::bytes() const {
  std::size_t total = 0;
  for (const auto& block : blocks_) total += block->size();
  return total;
}

void CpuSequence::reserve(std::int64_t position, std::int64_t tokens) {
  const auto needed = static_cast<std::size_t>((tokens + kKvBlock - 1) / kKvBlock);
  while (blocks_.size() < needed) blocks_.push_back(new_block());
  for (auto b = static_cast<std::size_t>(position / kKvBlock); b < blocks_.size(); ++b) {
    if (blocks_[b].use_count() == 1) continue;
    auto copy = std::make_shared<Buffer>(pool_->take_exactly(blocks_[b]->size()));
    std::memcpy(copy->data(), blocks_[b]->data(), blocks_[b]->size());
    blocks_[b] = std::move(copy);
  }
}

void CpuSequence::write(int layer, std::int64_t position, const float* k, const float* v,
                        const kernels::Table& table) {
  const auto block = static_cast<std::size_t>(position / kKvBlock);
  const std::int64_t slot = position % kKvBlock;
  const std::int64_t d = spec_.head_dim;
  for (int head = 0; head < spec_.kv_heads; ++head) {
    std::byte* at = head_at(block, layer, head);
    const float* key = k + head * d;
    const float* value = v + head * d;
    if (type_ == kernels::Storage::kF32) {
      auto* keys = reinterpret_cast<float*>(at);
      for (std::int64_t c = 0; c < d; ++c) keys[c * kKvBlock + slot] = key[c];
      std::memcpy(keys + d * kKvBlock + slot * d, value,
                  static_cast<std::size_t>(d) * sizeof(float));
    } else if (type_ == kernels::Storage::kQ8) {
      auto* keys = reinterpret_cast<std::int8_t*>(at);
      auto* scales = reinterpret_cast<float*>(at + 2 * d * kKvBlock);
      scales[slot] = table.to_q8(key, d, keys + slot, kKvBlock);
      scales[kKvBlock + slot] = table.to_q8(value, d, keys + d * kKvBlock + slot * d, 1);
    } else {
      auto* keys = reinterpret_cast<std::uint16_t*>(at);
      constexpr std::int64_t kBlockValues = 256;
      std::uint16_t halves[kBlockValues];
      for (std::int64_t first = 0; first < d; first += kBlockValues) {
        const std::int64_t count = std::min(kBlockValues, d - first);
        table.to_f16(key + first, count, halves);
        for (std::int64_t c = 0; c < count; ++c) keys[(first + c) * kKvBlock + slot] = halves[c];
      }
      table.to_f16(value, d, keys + d * kKvBlock + slot * d);
    }
  }
}

std::vector<const void*> CpuSequence::head_blocks(int layer, int head, std::int64_t tokens) const {
  std::vector<const void*> out;
  for (std::size_t b = 0; static_cast<std::int64_t>(b) * kKvBlock < tokens; ++b)
    out.push_back(head_at(b, layer, head));
  return out;
}

}  // namespace oc
