// A file descriptor that is closed at the end.
#pragma once

#include <cstddef>
#include <span>

namespace oc {

class FileHandle {
 public:
  explicit FileHandle(int fd = -1) : fd_(fd) {}
  ~FileHandle() { close(); }
  FileHandle(FileHandle&& other) noexcept;
  FileHandle& operator=(FileHandle&& other) noexcept;

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  int close();  // → errno; 0: all that was written went well, or it was not open

 private:
  int fd_;
};

// → errno; 0: all bytes are written.
int write_all(int fd, std::span<const std::byte> bytes);

}  // namespace oc
