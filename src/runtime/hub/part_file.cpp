#include "runtime/hub/part_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "base/system/files.h"

namespace oc::hub {
namespace {

static_assert(std::endian::native == std::endian::little, "the state file holds plain integers");

constexpr std::uint64_t kSmallestRange = 512u << 10, kLargestRange = 64u << 20;

int write_all(int fd, const void* data, std::size_t bytes, std::uint64_t at) {
  const char* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t n = ::pwrite(fd, from, bytes, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    from += n;
    at += static_cast<std::uint64_t>(n);
    bytes -= static_cast<std::size_t>(n);
  }
  return 0;
}

}  // namespace

Error disk_error(const std::filesystem::path& path, int error_number) {
  const bool full = error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG;
  return {ErrorCode::kUnavailable,
          fmt::format("cannot write {}: {}", path.string(), std::strerror(error_number)),
          full ? "make room and pull again: it goes on where it stopped"
               : "is the folder writable? OCELLUS_HOME names another"};
}

std::uint64_t PartFile::range_bytes(std::uint64_t size) {
  const std::uint64_t share = size / 128 / kSmallestRange * kSmallestRange;
  return std::clamp(share, kSmallestRange, kLargestRange);
}

std::uint64_t PartFile::bytes_on_disk(const std::filesystem::path& folder,
                                      const std::string& name) {
  struct stat part = {};
  if (::lstat((folder / (name + ".part")).c_str(), &part) != 0) return 0;
  return static_cast<std::uint64_t>(std::min<std::int64_t>(part.st_blocks * 512, part.st_size));
}

Result<std::unique_ptr<PartFile>> PartFile::open(const std::filesystem::path& folder,
                                                 const std::string& name, std::uint64_t size,
                                                 std::string_view identity) {
  std::unique_ptr<PartFile> file(new PartFile);
  file->target_ = folder / name;
  file->part_ = folder / (name + ".part");
  file->state_ = folder / (name + ".part.state");
  file->size_ = size;
  file->range_bytes_ = range_bytes(size);
  file->done_.resize((size + file->range_bytes_ - 1) / file->range_bytes_);
  file->head_ = fmt::format("ocellus part 1\n{}\n{}\n{}\n", size, file->range_bytes_, identity);
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  file->fd_ = ::open(file->part_.c_str(), kFlags, 0644);
  if (file->fd_ < 0) return disk_error(file->part_, errno);
  file->state_fd_ = ::open(file->state_.c_str(), kFlags, 0644);
  if (file->state_fd_ < 0) return disk_error(file->state_, errno);
  if (!file->read_state(file->head_)) OC_RETURN_IF_ERROR(file->reset());
  return file;
}

PartFile::~PartFile() {
  if (fd_ >= 0) ::close(fd_);
  if (state_fd_ >= 0) ::close(state_fd_);
}

bool PartFile::read_state(std::string_view head) {
  struct stat part = {};
  if (::fstat(fd_, &part) != 0 || static_cast<std::uint64_t>(part.st_size) != size_) return false;
  std::string found(head.size() + done_.size() * sizeof(std::uint64_t), '\0');
  if (::pread(state_fd_, found.data(), found.size(), 0) != static_cast<ssize_t>(found.size()) ||
      !found.starts_with(head))
    return false;
  std::memcpy(done_.data(), found.data() + head.size(), found.size() - head.size());
  received_ = 0;
  for (std::size_t i = 0; i < done_.size(); ++i) {
    if (done_[i] > whole(i).size()) return false;
    received_ += done_[i];
  }
  return true;
}

Result<void> PartFile::reset() {
  std::ranges::fill(done_, 0);
  received_ = 0;
  // The state first: a death in between leaves nothing that claims to be there.
  if (::ftruncate(state_fd_, 0) != 0) return disk_error(state_, errno);
  if (::ftruncate(fd_, 0) != 0 || ::ftruncate(fd_, static_cast<off_t>(size_)) != 0)
    return disk_error(part_, errno);
  std::string text = head_;
  text.append(done_.size() * sizeof(std::uint64_t), '\0');
  if (const int error = write_all(state_fd_, text.data(), text.size(), 0))
    return disk_error(state_, error);
  return {};
}

ByteRange PartFile::whole(std::size_t range) const {
  const std::uint64_t begin = range * range_bytes_;
  return {begin, std::min(begin + range_bytes_, size_)};
}

ByteRange PartFile::missing(std::size_t range) const {
  ByteRange rest = whole(range);
  rest.begin += done_[range];
  return rest;
}

Result<void> PartFile::write(std::uint64_t at, std::span<const std::byte> bytes) {
  const std::uint64_t end = at + bytes.size();
  for (std::size_t i = at / range_bytes_; i < done_.size() && whole(i).begin < end; ++i) {
    const ByteRange rest = missing(i);
    const std::uint64_t stop = std::min(end, rest.end);
    if (at > rest.begin || stop <= rest.begin) continue;  // a gap, or nothing new
    const std::uint64_t count = stop - rest.begin;
    if (const int error = write_all(fd_, bytes.data() + (rest.begin - at), count, rest.begin))
      return disk_error(part_, error);
    done_[i] += count;
    received_ += count;
    if (const int error =
            write_all(state_fd_, &done_[i], sizeof done_[i], head_.size() + i * sizeof done_[i]))
      return disk_error(state_, error);
  }
  return {};
}

Result<void> PartFile::finish() {
  if (::fsync(fd_) != 0) return disk_error(part_, errno);
  // What came in small pieces lies in small pages of the cache; read back by a model's mapping it
  // comes in large ones, which are faster for as long as they stay (want_large_pages).
  forget_cached_pages(fd_);
  if (::rename(part_.c_str(), target_.c_str()) != 0) return disk_error(target_, errno);
  ::unlink(state_.c_str());
  return {};
}

}  // namespace oc::hub
