#include "runtime/sources/name_lookup.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace oc {
namespace {

using Addresses = Result<std::vector<std::string>>;

constexpr int kMostAtOnce = 64;
constexpr std::size_t kMaxAddresses = 16;
constexpr std::chrono::milliseconds kLook{20};  // between two looks at the interrupt

Error cannot_say() {
  return {ErrorCode::kUnavailable, "its host's name could not be looked up",
          "try again, or send the picture itself as data:image/...;base64,..."};
}

struct LookedUp {
  std::mutex mutex;
  std::condition_variable told;
  std::optional<Addresses> found;
};

}  // namespace

struct NameLookup::Shared {
  Resolve resolve;
  std::atomic<int> under_way{0};
};

NameLookup::NameLookup(Resolve resolve) : shared_(std::make_shared<Shared>()) {
  shared_->resolve = std::move(resolve);
}

Addresses NameLookup::addresses(const std::string& host, const Interrupt& interrupt) const {
  if (++shared_->under_way > kMostAtOnce) {
    --shared_->under_way;
    return cannot_say();
  }
  const auto answer = std::make_shared<LookedUp>();
  try {
    std::thread([shared = shared_, answer, host] {
      Addresses found = cannot_say();
      try {
        found = shared->resolve(host);
      } catch (const std::exception&) {
        // No memory: nobody could say.
      }
      {
        const std::lock_guard lock(answer->mutex);
        answer->found = std::move(found);
      }
      answer->told.notify_all();
      --shared->under_way;
    }).detach();
  } catch (...) {
    --shared_->under_way;
    throw;
  }
  std::unique_lock lock(answer->mutex);
  while (!answer->found) {
    OC_RETURN_IF_ERROR(interrupt.check("looking up a picture's host"));
    answer->told.wait_for(lock, kLook);
  }
  return *std::move(answer->found);
}

Addresses NameLookup::system_resolve(const std::string& host) {
  addrinfo hints{}, *list = nullptr;
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (failed == EAI_NONAME)
    return Error{ErrorCode::kInvalidArgument, "its host's name is not known", "check the address"};
  if (failed != 0) return cannot_say();
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  std::vector<std::string> out;
  for (const addrinfo* one = list; one != nullptr && out.size() < kMaxAddresses;
       one = one->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0 &&
        std::ranges::find(out, text.data()) == out.end())
      out.emplace_back(text.data());
  }
  if (out.empty()) return cannot_say();
  return out;
}

}  // namespace oc
