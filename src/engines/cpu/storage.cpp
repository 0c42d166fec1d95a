#include "engines/cpu/storage.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "base/system/pages.h"

namespace oc {
namespace {

constexpr std::size_t kAlignment = 64, kPage = 4096;

// Sizes are rounded up so that buffers of similar requests fit each other.
std::size_t rounded(std::size_t bytes) {
  const std::size_t step = bytes < (1u << 16) ? kPage : 1u << 16;
  return (std::max<std::size_t>(bytes, 1) + step - 1) / step * step;
}

}  // namespace

Buffer::~Buffer() {
  if (data_ != nullptr) pool_->give_back(data_, size_);
}

BufferPool::~BufferPool() {
  for (const auto& [size, data] : free_) std::free(data);
}

Buffer BufferPool::take(std::size_t bytes) {
  const std::size_t size = rounded(bytes);
  // The smallest that fits without wasting more than half.
  Buffer kept = find(size, 2 * size);
  return kept.data() != nullptr ? std::move(kept) : make(size);
}

Buffer BufferPool::take_exactly(std::size_t bytes) {
  const std::size_t size = (std::max<std::size_t>(bytes, 1) + kPage - 1) / kPage * kPage;
  Buffer kept = find(size, size);
  return kept.data() != nullptr ? std::move(kept) : make(size);
}

std::size_t BufferPool::kept_bytes() const {
  const std::lock_guard lock(mutex_);
  return kept_bytes_;
}

// Takes a kept buffer out of the pool; empty when none fits.
Buffer BufferPool::find(std::size_t min_bytes, std::size_t max_bytes) {
  const std::lock_guard lock(mutex_);
  auto best = free_.end();
  for (auto it = free_.begin(); it != free_.end(); ++it)
    if (it->first >= min_bytes && it->first <= max_bytes &&
        (best == free_.end() || it->first < best->first))
      best = it;
  if (best == free_.end()) return {};
  const auto [size, data] = *best;
  free_.erase(best);
  kept_bytes_ -= size;
  return {shared_from_this(), data, size};
}

// Before a new buffer is made, kept ones that are too small for it are freed, the oldest first, up
// to its size: the tower's buffers do not stay in memory next to the prompt's.
void BufferPool::drop_kept(std::size_t bytes) {
  std::vector<std::byte*> dropped;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(free_, [&](const std::pair<std::size_t, std::byte*>& kept) {
      if (kept.first > bytes) return false;
      bytes -= kept.first;
      kept_bytes_ -= kept.first;
      dropped.push_back(kept.second);
      return true;
    });
  }
  for (std::byte* data : dropped) std::free(data);
}

Buffer BufferPool::make(std::size_t size) {
  drop_kept(size);
  const std::size_t large_page = large_page_bytes();
  const bool large = large_page > 0 && size >= 2 * large_page;
  // aligned_alloc may refuse what is no multiple of the alignment.
  void* memory = nullptr;
  if (::posix_memalign(&memory, large ? large_page : kAlignment, size) != 0) throw std::bad_alloc();
  // For the KV cache and long prompts.
  if (large) advise_large_pages(memory, size / large_page * large_page);
  return {shared_from_this(), static_cast<std::byte*>(memory), size};
}

void BufferPool::give_back(std::byte* data, std::size_t size) {
  {
    const std::lock_guard lock(mutex_);
    if (kept_bytes_ + size <= keep_bytes_) {
      free_.emplace_back(size, data);
      kept_bytes_ += size;
      return;
    }
  }
  std::free(data);
}

}  // namespace oc
