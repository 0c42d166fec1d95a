#include "http/cached_names.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace oc::http {
namespace {

using namespace std::chrono_literals;

TEST(CachedNames, AreReadOnceForAllWhoAsk) {
  std::atomic<int> reads{0};
  CachedNames names(
      [&] {
        ++reads;
        return std::vector<std::string>{"a", "b"};
      },
      1h);
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) EXPECT_EQ(names.get().size(), 2u);
    });
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(reads, 1);
}

TEST(CachedNames, AreReadAgainWhenTheyAreOld) {
  int reads = 0;
  CachedNames names([&] { return std::vector<std::string>{std::to_string(++reads)}; }, 0ms);
  EXPECT_EQ(names.get().front(), "1");
  // They are old after ten times what the reading took, however long that was.
  for (int i = 0; i < 60'000 && names.get().front() == "1"; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(names.get().front(), "2");
}

TEST(CachedNames, AFailureIsForgotten) {
  int reads = 0;
  CachedNames names(
      [&]() -> std::vector<std::string> {
        if (++reads == 1) throw std::runtime_error("gone");
        return {"a"};
      },
      1h);
  EXPECT_THROW(names.get(), std::runtime_error);
  EXPECT_EQ(names.get().size(), 1u);
}

}  // namespace
}  // namespace oc::http
