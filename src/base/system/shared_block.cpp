#include "base/system/shared_block.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system/files.h"

namespace oc {

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
  Descriptor descriptor(make_shared_file(bytes));
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
