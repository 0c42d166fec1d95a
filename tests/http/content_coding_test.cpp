#include "http/content_coding.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/http/packed.h"

namespace oc::http {
namespace {

constexpr std::size_t kMax = 8u << 20;

Request with(std::string body, std::shared_ptr<MemoryBudget> budget = nullptr) {
  Request request;
  request.body = std::move(body);
  request.memory = Reservation(std::move(budget));
  EXPECT_TRUE(request.memory.grow_to(request.body.capacity()));
  return request;
}

// The status of what comes of it; 0: unpacked.
int status_of(Request& request, Coding coding, std::size_t max_bytes = kMax) {
  const auto error = unpack_body(request, coding, max_bytes);
  return error ? error->status : 0;
}

std::string text_of(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i * i) + ",";
  return text;
}

TEST(ContentCoding, NamesOfCodings) {
  const auto find = [](std::initializer_list<const char*> values, Coding* coding) {
    Request request;
    for (const char* value : values) request.headers.emplace_back("content-encoding", value);
    const auto error = find_coding(request, coding);
    return error ? error->status : 0;
  };
  Coding coding = Coding::kGzip;
  EXPECT_EQ(find({}, &coding), 0);
  EXPECT_EQ(coding, Coding::kNone);
  for (const char* value : {"gzip", "GZip", "x-gzip", " gzip ", "identity, gzip", "gzip,"}) {
    EXPECT_EQ(find({value}, &coding), 0) << value;
    EXPECT_EQ(coding, Coding::kGzip) << value;
  }
  EXPECT_EQ(find({"identity"}, &coding), 0);
  EXPECT_EQ(coding, Coding::kNone);
  EXPECT_EQ(find({"deflate"}, &coding), 0);
  EXPECT_EQ(coding, Coding::kDeflate);
  for (const char* value : {"br", "zstd", "gzip, br", "gzip;q=1", "gzip gzip", "gzip, gzip"})
    EXPECT_EQ(find({value}, &coding), 415) << value;
  EXPECT_EQ(find({"gzip", "gzip"}, &coding), 415);
  Request named;
  named.headers.emplace_back("content-encoding", "br\"<x>" + std::string(100, 'y'));
  const auto error = find_coding(named, &coding);
  EXPECT_NE(error->message.find("br??x?y"), std::string::npos) << error->message;
  EXPECT_LT(error->message.size(), 140u);
}

TEST(ContentCoding, UnpacksWhatWasPacked) {
  for (const std::size_t size : {1u, 1000u, 65536u, 1u << 20}) {
    const std::string text = text_of(size);
    for (const Coding coding : {Coding::kGzip, Coding::kDeflate}) {
      Request request = with(packed(text, coding == Coding::kGzip ? 31 : 15));
      EXPECT_EQ(status_of(request, coding), 0);
      EXPECT_EQ(request.body, text);
    }
  }
  Request members = with(packed("one,") + packed("") + packed("two"));
  EXPECT_EQ(status_of(members, Coding::kGzip), 0);
  EXPECT_EQ(members.body, "one,two");
  Request plain = with("as it is");
  EXPECT_EQ(status_of(plain, Coding::kNone), 0);
  EXPECT_EQ(plain.body, "as it is");
}

TEST(ContentCoding, WhatIsNotWholeIsRefused) {
  const std::string wire = packed(text_of(5000));
  for (std::size_t size = 1; size < wire.size(); ++size) {
    Request request = with(wire.substr(0, size));
    EXPECT_EQ(status_of(request, Coding::kGzip), 400) << size;
    EXPECT_TRUE(request.body.empty());
  }
  for (std::size_t at = 0; at < wire.size(); ++at) {
    std::string damaged = wire;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    Request request = with(damaged);
    // Time and system in gzip's head mean nothing, nor do the last bits before its sum.
    const bool ignored = (at >= 4 && at < 10) || at == wire.size() - 9;
    EXPECT_TRUE(status_of(request, Coding::kGzip) == 400 || ignored) << at;
  }
  Request more = with(wire + "more");
  EXPECT_EQ(status_of(more, Coding::kGzip), 400);
  Request zlib_tail = with(packed("x", 15) + packed("x", 15));
  EXPECT_EQ(status_of(zlib_tail, Coding::kDeflate), 400);
  Request other = with(packed("x", 15));
  EXPECT_EQ(status_of(other, Coding::kGzip), 400);
}

TEST(ContentCoding, TheUnpackedSizeCountsAsABodysDoes) {
  const std::string text = text_of(100'000);
  Request fits = with(packed(text));
  EXPECT_EQ(status_of(fits, Coding::kGzip, text.size()), 0);
  Request over = with(packed(text));
  EXPECT_EQ(status_of(over, Coding::kGzip, text.size() - 1), 413);
}

TEST(ContentCoding, BombsStopEarly) {
  // 64 MiB of zeros in 64 KiB: no more than a hundred times what was read is ever held.
  const auto budget = std::make_shared<MemoryBudget>(std::size_t{256} << 20);
  const std::string bomb = packed(std::string(64u << 20, '\0'));
  ASSERT_LT(bomb.size(), 100'000u);
  {
    Request request = with(bomb, budget);
    EXPECT_EQ(status_of(request, Coding::kGzip, 64u << 20), 413);
    EXPECT_LT(request.memory.bytes(), 100u);
  }
  // Under a budget that has not even that much.
  const auto small = std::make_shared<MemoryBudget>(300'000);
  Request request = with(bomb, small);
  EXPECT_EQ(status_of(request, Coding::kGzip, 64u << 20), 429);
  EXPECT_LT(small->used(), 100u);
}

TEST(ContentCoding, MemoryIsCountedWhileBothFormsAreThere) {
  const std::string text = text_of(200'000), wire = packed(text);
  const auto budget = std::make_shared<MemoryBudget>(2u << 20);
  Request request = with(wire, budget);
  EXPECT_EQ(status_of(request, Coding::kGzip), 0);
  EXPECT_EQ(budget->used(), request.body.capacity());
  EXPECT_GE(budget->used(), text.size());
}

}  // namespace
}  // namespace oc::http
