// A file that arrives in pieces, and survives the death of the process at any moment: NAME.part
// holds the bytes where they belong, NAME.part.state how much of each range is there. The state is
// written after the bytes that it tells of. NAME itself comes into being by rename, checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/hub/http.h"

namespace oc::hub {

class PartFile {
 public:
  // Goes on with what is in `folder` where it is of the same file (size and identity: its digest),
  // starts anew otherwise. kUnavailable: the disk does not let us.
  static Result<std::unique_ptr<PartFile>> open(const std::filesystem::path& folder,
                                                const std::string& name, std::uint64_t size,
                                                std::string_view identity);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  std::size_t ranges() const { return done_.size(); }
  ByteRange missing(std::size_t range) const;  // empty: it is whole
  std::uint64_t size() const { return size_; }
  std::uint64_t received() const { return received_; }  // bytes
  bool complete() const { return received_ == size_; }
  const std::filesystem::path& path() const { return part_; }

  // Stores what goes on where a range ends so far; bytes that are there already are passed over.
  // kUnavailable: no space, or another trouble of the disk.
  Result<void> write(std::uint64_t at, std::span<const std::byte> bytes);
  // Nothing is there.
  Result<void> reset();
  // On disk and renamed to NAME. The caller has checked the digest.
  Result<void> finish();

  // What a part of that name takes on disk: about the bytes that need not come again. 0: none.
  static std::uint64_t bytes_on_disk(const std::filesystem::path& folder, const std::string& name);

  // How a file of this size is cut: 1 to 128 ranges or more, of 512 kB to 64 MB.
  static std::uint64_t range_bytes(std::uint64_t size);

 private:
  PartFile() = default;
  ByteRange whole(std::size_t range) const;
  bool read_state(std::string_view head);

  std::filesystem::path target_, part_, state_;
  std::string head_;  // of the state file
  int fd_ = -1, state_fd_ = -1;
  std::uint64_t size_ = 0, range_bytes_ = 0, received_ = 0;
  std::vector<std::uint64_t> done_;  // bytes of each range
};

// "cannot write FILE: No space left on device", with what to do.
Error disk_error(const std::filesystem::path& path, int error_number);

}  // namespace oc::hub
