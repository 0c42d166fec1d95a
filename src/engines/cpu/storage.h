// Buffers of the CPU engine: aligned memory that goes back to a bounded pool when the last handle
// dies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "ops/tensor.h"

namespace oc {

class BufferPool;

// 64-byte aligned bytes on loan from a pool.
class Buffer {
 public:
  Buffer() = default;
  Buffer(std::shared_ptr<BufferPool> pool, std::byte* data, std::size_t size)
      : pool_(std::move(pool)), data_(data), size_(size) {}
  ~Buffer();
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }

 private:
  std::shared_ptr<BufferPool> pool_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Keeps freed buffers for reuse, up to a number of bytes, until new ones need as much; any thread.
class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  explicit BufferPool(std::size_t keep_bytes) : keep_bytes_(keep_bytes) {}
  ~BufferPool();
  Buffer take(std::size_t bytes);  // contents undefined
  // One that is kept for long and counted by its size: nothing larger will do.
  Buffer take_exactly(std::size_t bytes);
  std::size_t kept_bytes() const;

 private:
  friend class Buffer;
  void give_back(std::byte* data, std::size_t size);
  Buffer find(std::size_t min_bytes, std::size_t max_bytes);
  Buffer make(std::size_t size);
  void drop_kept(std::size_t bytes);

  mutable std::mutex mutex_;
  std::size_t keep_bytes_, kept_bytes_ = 0;
  std::vector<std::pair<std::size_t, std::byte*>> free_;
};

// A [rows, cols] float32 tensor.
struct CpuStorage final : TensorStorage {
  explicit CpuStorage(Buffer memory) : buffer(std::move(memory)) {}
  Buffer buffer;
};

inline float* cpu_data(const Tensor& tensor) {
  auto* storage = dynamic_cast<CpuStorage*>(tensor.storage());
  OC_CHECK(storage != nullptr, "a tensor of another engine, or none");
  return storage->buffer.as<float>();
}

}  // namespace oc
