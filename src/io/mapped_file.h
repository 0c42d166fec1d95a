// Files that are read where they are mapped into memory. Others may cut such a file short, or write
// into it, while it is read; reading a page that is gone raises SIGBUS, which ends a process that
// does not handle it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace oc {

struct MappedPlace;  // where the signal handler finds a file

// A read-only map of a whole file; one of the embedded model (io/files.h) is in memory as it is.
// Reading bytes() never ends the process: where the system cannot give a page any more, this and
// what follows it become zeros, and intact() says so from then on. So whoever computes from the
// bytes asks intact() after the work and before anybody sees its result. Any thread.
class MappedFile {
 public:
  // Refuses what is no regular file, and one of fewer than `min_bytes` bytes.
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path,
                                                        std::size_t min_bytes = 1);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

  // Whether all that was read until now is what the file held when it was opened. Error
  // kUnavailable, naming the file: a page could not be read (cut off, or the disk failed), or it
  // was written to. A file that was replaced by another of its name, or removed, is intact here.
  // Costs a system call.
  Result<void> intact() const;

 private:
  MappedFile() = default;

  std::string name_;
  std::span<const std::byte> bytes_;
  int fd_ = -1;
  std::int64_t modified_ns_ = 0;
  MappedPlace* place_ = nullptr;
};

// The name of a file that has lost a page and whose intact() was not asked since: a result may have
// been made of zeros, and must not be called good.
std::optional<std::string> untold_loss();

}  // namespace oc
