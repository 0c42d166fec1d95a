// Buffers on loan.
#include "engines/cpu/storage.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

namespace oc {
namespace {

TEST(BufferPool, BuffersAreAlignedAndLargeEnough) {
  auto pool = std::make_shared<BufferPool>(1 << 20);
  for (const std::size_t bytes : {0u, 1u, 63u, 64u, 4096u, 65535u, 65536u, 1000000u}) {
    const Buffer buffer = pool->take(bytes);
    EXPECT_GE(buffer.size(), bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0u) << bytes;
    std::memset(buffer.data(), 1, buffer.size());
  }
}

TEST(BufferPool, AFreedBufferIsTakenAgain) {
  auto pool = std::make_shared<BufferPool>(1 << 20);
  const std::byte* first = nullptr;
  {
    const Buffer a = pool->take(10000);
    first = a.data();
  }
  const Buffer b = pool->take(9000);
  EXPECT_EQ(b.data(), first);
  const Buffer c = pool->take(9000);
  EXPECT_NE(c.data(), first) << "on loan";
}

TEST(BufferPool, AMuchLargerBufferIsKeptForLargerWork) {
  auto pool = std::make_shared<BufferPool>(1 << 20);
  const std::byte* large = nullptr;
  {
    const Buffer a = pool->take(200000);
    large = a.data();
  }
  EXPECT_NE(pool->take(1000).data(), large);
  EXPECT_EQ(pool->take(200000).data(), large);
}

TEST(BufferPool, MovedBuffersGoBackOnce) {
  auto pool = std::make_shared<BufferPool>(1 << 20);
  Buffer a = pool->take(100);
  const std::byte* data = a.data();
  Buffer b = std::move(a);
  EXPECT_EQ(b.data(), data);
  a = pool->take(100);
  EXPECT_NE(a.data(), data);
  b = Buffer();
  const Buffer again = pool->take(100), other = pool->take(100);
  EXPECT_NE(again.data(), other.data());
}

TEST(BufferPool, ExactlyMeansNothingLarger) {
  auto pool = std::make_shared<BufferPool>(1 << 20);
  const std::byte* large = pool->take(120'000).data();  // given back
  const Buffer exact = pool->take_exactly(100'000);
  EXPECT_NE(exact.data(), large);
  EXPECT_EQ(exact.size(), 102'400u);  // whole pages
  const std::byte* mine = pool->take_exactly(100'000).data();
  EXPECT_EQ(pool->take_exactly(102'000).data(), mine);
}

TEST(BufferPool, ANewBufferIsPaidForByTheOldestKept) {
  auto pool = std::make_shared<BufferPool>(1 << 20);
  { const Buffer a = pool->take(100'000), b = pool->take(150'000); }  // b goes back first
  EXPECT_EQ(pool->kept_bytes(), 131'072u + 196'608u);
  {
    const Buffer small = pool->take(1'000);
    EXPECT_EQ(pool->kept_bytes(), 131'072u + 196'608u) << "all kept ones are larger";
  }
  const Buffer large = pool->take(400'000);  // 458,752
  EXPECT_EQ(pool->kept_bytes(), 0u);
}

TEST(BufferPool, ANewBufferTakesNoMoreThanItself) {
  auto pool = std::make_shared<BufferPool>(1 << 20);
  { const Buffer a = pool->take(100'000), b = pool->take(150'000); }
  const Buffer large = pool->take(230'000);  // 262,144: b, and no room for a
  EXPECT_EQ(pool->kept_bytes(), 131'072u);
}

TEST(BufferPool, BuffersMayOutliveTheirPoolsOwner) {
  auto pool = std::make_shared<BufferPool>(1 << 20);
  const Buffer buffer = pool->take(100);
  const std::weak_ptr<BufferPool> watched = pool;
  pool.reset();
  EXPECT_FALSE(watched.expired()) << "a loan keeps the pool";
  std::memset(buffer.data(), 1, buffer.size());
}

TEST(BufferPool, AnyThreadMayTakeAndGiveBack) {
  auto pool = std::make_shared<BufferPool>(1 << 16);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 500; ++i) {
        const Buffer buffer = pool->take(1 + i * 37 % 30000);
        std::memset(buffer.data(), t, buffer.size());
        for (std::size_t at = 0; at < buffer.size(); at += 997)
          ASSERT_EQ(buffer.data()[at], static_cast<std::byte>(t)) << "somebody else's buffer";
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace oc
