#include "image/isolated/shared_block.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace oc {
namespace {

#ifdef __linux__
// Sealed: a helper gone wrong could make it shorter, and whoever reads it then dies.
Descriptor make_descriptor(std::size_t bytes) {
  constexpr unsigned kNeverExecuted = 0x0008;  // MFD_NOEXEC_SEAL, Linux 6.3
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int fd = ::memfd_create("picture", kFlags | kNeverExecuted);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create("picture", kFlags);
  Descriptor descriptor(fd);
  if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(bytes)) != 0 ||
      ::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return {};
  return descriptor;
}
#else
Descriptor make_descriptor(std::size_t bytes) {
  const char* folder = std::getenv("TMPDIR");
  std::string path =
      std::string(folder != nullptr && *folder != '\0' ? folder : "/tmp") + "/ocellus.XXXXXX";
  Descriptor descriptor(::mkstemp(path.data()));
  if (!descriptor.open()) return {};
  ::unlink(path.c_str());
  if (::fcntl(descriptor.get(), F_SETFD, FD_CLOEXEC) != 0 ||
      ::ftruncate(descriptor.get(), static_cast<off_t>(bytes)) != 0)
    return {};
  return descriptor;
}
#endif

}  // namespace

void Descriptor::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

SharedBlock SharedBlock::map(Descriptor descriptor, std::size_t bytes) {
  SharedBlock block;
  void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.get(), 0);
  if (at == MAP_FAILED) return block;
  block.descriptor_ = std::move(descriptor);
  block.bytes_ = {static_cast<std::uint8_t*>(at), bytes};
  return block;
}

SharedBlock SharedBlock::make(std::size_t bytes) {
  Descriptor descriptor = make_descriptor(bytes);
  return descriptor.open() ? map(std::move(descriptor), bytes) : SharedBlock();
}

SharedBlock SharedBlock::open(Descriptor descriptor) {
  struct stat status {};
  if (::fstat(descriptor.get(), &status) != 0 || status.st_size <= 0) return {};
  return map(std::move(descriptor), static_cast<std::size_t>(status.st_size));
}

SharedBlock::~SharedBlock() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace oc
