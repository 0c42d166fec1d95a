#include "tests/image/isolated/odd_helper.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <new>
#include <thread>
#include <vector>

namespace oc::test {
namespace {

// In the block, which begins in front of the pixels.
void change_header(std::span<std::uint8_t> pixels, Bytes file) {
  std::uint8_t* const block = pixels.data() - pixels_at(file.size());
  RequestHeader header;
  std::memcpy(&header, block, sizeof header);
  header.width += 1;
  header.done = 1;
  std::memcpy(block, &header, sizeof header);
}

[[noreturn]] void spin() {
  for (volatile unsigned n = 0;;) n = n + 1;
}

}  // namespace

HelperStatus decode_oddly(const PixelRequest& request, Bytes file, std::span<std::uint8_t> pixels) {
  const std::string text(reinterpret_cast<const char*>(file.data()), file.size());
  if (!text.starts_with(kOdd)) return decode_pixels(request, file, pixels);
  const std::string what = text.substr(kOdd.size());
  if (what == "fill") {
    std::ranges::fill(pixels, std::uint8_t{77});
    return HelperStatus::kDone;
  }
  if (what == "crash") *static_cast<volatile int*>(nullptr) = 1;
  if (what == "abort") std::abort();
  if (what == "throw") throw std::bad_alloc();
  if (what == "spin") spin();
  if (what == "lie") {
    change_header(pixels, file);
    ::_exit(0);
  }
  if (what == "quit") ::_exit(0);
  if (what == "status") ::_exit(7);
  if (what == "eat") {
    std::vector<std::vector<char>> taken;
    for (;;) taken.emplace_back(1u << 20, 'x');
  }
  if (what == "thread") {
    std::thread other([&] { std::ranges::fill(pixels, std::uint8_t{78}); });
    other.join();
    return HelperStatus::kDone;
  }
  // What the system must not give.
  if (what == "socket") ::socket(AF_INET, SOCK_STREAM, 0);
  if (what == "open") ::open("/etc/passwd", O_RDONLY);
  if (what == "fork") ::fork();
  if (what == "exec") ::execl("/bin/true", "true", nullptr);
  if (what == "kill") ::kill(::getppid(), 0);
  if (what == "execute")
    ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (what == "shrink") ::ftruncate(kBlockDescriptor, 0);
  return HelperStatus::kDone;
}

}  // namespace oc::test
