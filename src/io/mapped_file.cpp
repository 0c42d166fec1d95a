#include "io/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>

#include "base/system/files.h"
#include "base/system/pages.h"
#include "io/files.h"

namespace oc {

// A node of a list that the signal handler walks: nothing in it is ever freed, and no lock is
// needed to read it. Nodes of files that are closed are used again, but for those of lost ones,
// which untold_loss() still wants to name.
struct MappedPlace {
  std::atomic<std::uintptr_t> begin{0};  // 0: nothing is mapped
  std::atomic<std::size_t> bytes{0};     // whole pages
  std::atomic<bool> used{true}, lost{false}, told{false};
  char name[256] = {};
  MappedPlace* next = nullptr;

  static std::atomic<MappedPlace*> all;

  static MappedPlace* take(const std::string& name, std::uintptr_t begin, std::size_t bytes);
  static MappedPlace* find(std::uintptr_t address);
  void release() {
    begin.store(0);
    if (!lost.load()) used.store(false);
  }
};

std::atomic<MappedPlace*> MappedPlace::all{nullptr};

MappedPlace* MappedPlace::take(const std::string& name, std::uintptr_t begin, std::size_t bytes) {
  MappedPlace* place = all.load();
  for (bool free = false; place != nullptr; place = place->next)
    if (place->used.compare_exchange_strong(free, true))
      break;
    else
      free = false;
  const bool fresh = place == nullptr;
  if (fresh) place = new MappedPlace;
  place->name[name.copy(place->name, sizeof place->name - 1)] = '\0';
  place->bytes.store(bytes);
  place->begin.store(begin);
  if (fresh) {
    place->next = all.load();
    while (!all.compare_exchange_weak(place->next, place)) {
    }
  }
  return place;
}

MappedPlace* MappedPlace::find(std::uintptr_t address) {
  for (MappedPlace* place = all.load(); place != nullptr; place = place->next) {
    const std::uintptr_t begin = place->begin.load();
    if (begin != 0 && address >= begin && address - begin < place->bytes.load()) return place;
  }
  return nullptr;
}

namespace {

std::size_t g_page_bytes = 4096;
struct sigaction g_before {};  // what SIGBUS did before

// In a signal handler: no memory, no lock, no wait.
void tell_address(std::uintptr_t address) {
  char line[] = "error: SIGBUS at 0x0000000000000000, which is in no model's file\n";
  char* digit = line + 35;
  for (std::uintptr_t rest = address; rest != 0; rest /= 16)
    *--digit = "0123456789abcdef"[rest % 16];
  pollfd room{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&room, 1, 0) > 0) static_cast<void>(::write(STDERR_FILENO, line, sizeof line - 1) < 0);
}

// A thread has touched a page that the system cannot give: what is left of the mapping becomes
// zeros, the thread goes on, and intact() tells.
void on_bus_error(int number, siginfo_t* info, void*) {
  const int saved = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const bool fault = info->si_code > 0;  // else somebody has sent the signal
  if (MappedPlace* const place = fault ? MappedPlace::find(address) : nullptr; place != nullptr) {
    place->lost.store(true);  // before anybody can read a zero
    const std::uintptr_t page = address / g_page_bytes * g_page_bytes;
    const std::size_t left = place->begin.load() + place->bytes.load() - page;
    if (::mmap(reinterpret_cast<void*>(page), left, PROT_READ,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED) {
      errno = saved;
      return;
    }
  }
  tell_address(fault ? address : 0);
  ::sigaction(SIGBUS, &g_before, nullptr);
  if (!fault) ::raise(number);  // a fault comes again by itself
  errno = saved;
}

void watch_for_bus_errors() {
  static std::once_flag once;
  std::call_once(once, [] {
    g_page_bytes = page_bytes();
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &g_before);
  });
}

Error changed(const std::string& name, std::string_view what) {
  return {ErrorCode::kUnavailable, fmt::format("{}: {}", name, what),
          "never write into a model's files where they lie: write the new ones beside them and "
          "rename; `ocellus pull` does"};
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path,
                                                           std::size_t min_bytes) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->name_ = path.filename().string();
  if (const EmbeddedFile* embedded = embedded_file(path)) {
    file->bytes_ = embedded->bytes;
    return std::shared_ptr<const MappedFile>(std::move(file));
  }
  watch_for_bus_errors();
  // O_NONBLOCK: a pipe of that name would wait for a writer.
  file->fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status {};
  if (file->fd_ < 0 || ::fstat(file->fd_, &status) != 0 || !S_ISREG(status.st_mode))
    return Error{ErrorCode::kNotFound, fmt::format("{} cannot be opened", path.string()),
                 "check the path and its permissions"};
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size < std::max<std::size_t>(min_bytes, 1))
    return Error{ErrorCode::kCorrupt, fmt::format("{}: has only {} bytes", file->name_, size),
                 "download the file again"};
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file->fd_, 0);
  if (address == MAP_FAILED)
    return Error{ErrorCode::kInternal, fmt::format("{}: cannot be mapped into memory", file->name_),
                 "check the limit on address space (ulimit -v)"};
  file->bytes_ = {static_cast<const std::byte*>(address), size};
  file->modified_ns_ = modified_ns(status);
  file->place_ = MappedPlace::take(file->name_, reinterpret_cast<std::uintptr_t>(address),
                                   (size + g_page_bytes - 1) / g_page_bytes * g_page_bytes);
  return std::shared_ptr<const MappedFile>(std::move(file));
}

MappedFile::~MappedFile() {
  if (place_ != nullptr) {
    place_->release();
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
  if (fd_ >= 0) ::close(fd_);
}

Result<void> MappedFile::intact() const {
  if (place_ == nullptr) return {};  // part of the program
  if (place_->lost.load()) {
    place_->told.store(true);
    return changed(name_, "was cut off while it was read, or its disk failed");
  }
  struct stat now {};
  if (::fstat(fd_, &now) != 0 || static_cast<std::size_t>(now.st_size) != bytes_.size())
    return changed(name_, fmt::format("had {} bytes when it was opened and has {} now",
                                      bytes_.size(), now.st_size));
  if (modified_ns(now) != modified_ns_) return changed(name_, "was written to while it was read");
  return {};
}

std::optional<std::string> untold_loss() {
  for (MappedPlace* place = MappedPlace::all.load(); place != nullptr; place = place->next)
    if (place->lost.load() && !place->told.load()) return std::string(place->name);
  return std::nullopt;
}

}  // namespace oc
