// Memory that two processes map: anonymous, of a size that cannot change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace oc {

// A file descriptor that is closed.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { close(); }
  void close();
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

class SharedBlock {
 public:
  // Empty: there is no memory, or there are no descriptors left.
  static SharedBlock make(std::size_t bytes);
  // What another process made; empty if it is not there.
  static SharedBlock open(Descriptor descriptor);

  SharedBlock() = default;
  SharedBlock(SharedBlock&& other) noexcept
      : descriptor_(std::move(other.descriptor_)), bytes_(std::exchange(other.bytes_, {})) {}
  SharedBlock& operator=(SharedBlock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~SharedBlock();

  bool empty() const { return bytes_.empty(); }
  std::span<std::uint8_t> bytes() const { return bytes_; }
  int descriptor() const { return descriptor_.get(); }

 private:
  static SharedBlock map(Descriptor descriptor, std::size_t bytes);
  Descriptor descriptor_;
  std::span<std::uint8_t> bytes_;
};

}  // namespace oc
