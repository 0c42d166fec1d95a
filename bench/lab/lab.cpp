// ocellus_lab [few|tiles] [THREADS] [SECONDS]: variants by turns, so that a noisy neighbour meets
// all of them; each round begins with the limit, and a figure is the median over the rounds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <thread>

#include "bench/lab/variants.h"
#include "io/residency.h"

namespace oc::lab {
namespace {

using kernels::Int8Rows;
using kernels::QuantMatrix;

double seconds_of(int threads, const std::function<void(int)>& body) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(body, i);
  body(0);
  for (std::thread& other : others) other.join();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

template <class T>
struct Memory {
  explicit Memory(std::int64_t count)
      : size(count), data(static_cast<T*>(aligned(static_cast<std::size_t>(count) * sizeof(T)))) {
    // Large pages, as a mapped file has them (io/residency.h).
    if (std::getenv("OC_LAB_SMALL_PAGES") == nullptr)
      oc::want_large_pages(
          {reinterpret_cast<const std::byte*>(data), static_cast<std::size_t>(count) * sizeof(T)});
    std::memset(static_cast<void*>(data), 0, static_cast<std::size_t>(count) * sizeof(T));
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { std::free(data); }
  static void* aligned(std::size_t bytes) {
    void* memory = nullptr;
    if (::posix_memalign(&memory, kPage, (bytes + kPage) / kPage * kPage) != 0)
      throw std::bad_alloc();
    return memory;
  }
  static constexpr std::size_t kPage = std::size_t{2} << 20;
  std::int64_t size;
  T* data;
};

// A random product: W[rows, cols] and `tokens` quantised rows.
struct Product {
  Product(std::int64_t n, std::int64_t cols, int tokens)
      : packed(n * cols / 2),
        meta(n * cols / 64 * 2),
        values(tokens * cols),
        scales(tokens * cols / 64),
        sums(tokens * cols / 64) {
    std::uint32_t state = 1;
    const auto next = [&] { return state = state * 1664525u + 1013904223u; };
    for (std::int64_t i = 0; i + 4 <= packed.size; i += 4) {
      const std::uint32_t word = next();
      std::memcpy(packed.data + i, &word, 4);
    }
    for (std::int64_t i = 0; i < meta.size; ++i)
      meta.data[i] = static_cast<std::uint16_t>(0x3c00 + (next() >> 24));  // bf16
    w = {packed.data,
         reinterpret_cast<const std::uint8_t*>(meta.data),
         reinterpret_cast<const std::uint8_t*>(meta.data + n * cols / 64),
         kernels::Storage::kBF16,
         4,
         64,
         n,
         cols};
    const kernels::Table& table = *kernels::find_table("auto");
    const int panel = kernels::panel_of(tokens, 8);
    std::vector<float> row(static_cast<std::size_t>(cols));
    for (int t = 0; t < tokens; ++t) {
      for (float& v : row) v = static_cast<float>(next() >> 8) / 8388608.0f - 1.0f;
      const std::int64_t first = t / panel * panel, slot = t - first;
      table.quantize_row(row.data(), cols, 4, 64, panel, values.data + first * cols + slot * 4,
                         scales.data + first * cols / 64 + slot,
                         sums.data + first * cols / 64 + slot);
    }
    x = {values.data, scales.data, sums.data, panel};
  }
  double bytes() const {
    return static_cast<double>(packed.size) + static_cast<double>(meta.size) * 2;
  }
  Memory<std::uint8_t> packed;
  Memory<std::uint16_t> meta;
  Memory<std::int8_t> values;
  Memory<float> scales, sums;
  QuantMatrix w;
  Int8Rows x;
};

// All outputs in items of variant.outputs, those of a thread behind each other.
double time_of(const Variant& variant, const Product& p, float* y, int threads) {
  const std::size_t stride = (kernels::int8_scratch_bytes(p.w.cols) * 2 + 127) / 64 * 64;
  const Memory<std::byte> scratch(static_cast<std::int64_t>(stride) * threads);
  return seconds_of(threads, [&](int thread) {
    const std::int64_t items = (p.w.rows + variant.outputs - 1) / variant.outputs;
    const std::int64_t begin = thread * items / threads * variant.outputs;
    const std::int64_t end = std::min((thread + 1) * items / threads * variant.outputs, p.w.rows);
    for (std::int64_t n = begin; n < end; n += variant.outputs)
      variant.run(p.w, n, std::min(n + variant.outputs, end), p.x, y, p.w.rows,
                  scratch.data + stride * static_cast<std::size_t>(thread));
  });
}

struct Line {
  const Variant* variant;
  std::vector<double> values, shares;
};

void print(const std::vector<Line>& lines, const char* unit, const char* limit) {
  for (const Line& line : lines)
    std::printf("  %-16s %2d tokens %7.2f %s, %5.1f %% of %s  %s\n", line.variant->name,
                line.variant->tokens, median(line.values), unit, 100 * median(line.shares), limit,
                line.variant->why);
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

int few(const VariantSet& set, int threads, double seconds) {
  for (const std::int64_t cols : {3072, 8192}) {
    const std::int64_t n = (std::int64_t{400} << 20) / (cols / 2) / 768 * 768;
    std::printf("[%lld, %lld] from memory, %d threads, %s\n", static_cast<long long>(n),
                static_cast<long long>(cols), threads, set.target);
    for (const int tokens : {1, 2, 4, 8}) {
      const Product p(n, cols, tokens);
      std::vector<Line> lines;
      for (const Variant& variant : set.few)
        if (variant.tokens == tokens) lines.push_back({&variant, {}, {}});
      if (lines.empty()) continue;
      const auto count = static_cast<std::size_t>(n * tokens);
      std::vector<float> first(count), y(count);
      std::vector<double> reads;
      const auto begin = std::chrono::steady_clock::now();
      do {
        const double read = seconds_of(threads, [&](int thread) {
          const std::int64_t part = p.packed.size / threads / 4096 * 4096;
          volatile std::uint32_t sum = kernels::find_table("auto")->read_all(
              p.packed.data + thread * part, static_cast<std::size_t>(part));
          (void)sum;
        });
        const double limit = static_cast<double>(p.packed.size) / read / 1e9;
        reads.push_back(limit);
        for (Line& line : lines) {
          std::vector<float>& out = &line == lines.data() ? first : y;
          const double gbs = p.bytes() / time_of(*line.variant, p, out.data(), threads) / 1e9;
          if (&line != lines.data() && !same(first, y)) {
            std::printf("%s: other bytes\n", line.variant->name);
            return 1;
          }
          line.values.push_back(gbs);
          line.shares.push_back(gbs / limit);
        }
      } while (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() <
               seconds);
      std::printf("  read %.1f GB/s, %zu rounds\n", median(reads), reads.size());
      print(lines, "GB/s", "reading");
    }
  }
  return 0;
}

int tiles(const VariantSet& set, int threads, double seconds) {
  for (const std::int64_t cols : {1024, 3072}) {
    const std::int64_t n = 768;
    std::printf("[%lld, %lld] x 128 tokens, %d threads, %s\n", static_cast<long long>(n),
                static_cast<long long>(cols), threads, set.target);
    const Product p(n, cols, 128);
    std::vector<Line> lines;
    for (const Variant& variant : set.tiles) lines.push_back({&variant, {}, {}});
    const double ops = 2.0 * static_cast<double>(n) * static_cast<double>(cols) * 128 * threads;
    std::vector<std::vector<float>> y(static_cast<std::size_t>(threads),
                                      std::vector<float>(static_cast<std::size_t>(n * 128)));
    std::vector<float> first;
    const auto begin = std::chrono::steady_clock::now();
    do {
      std::vector<double> done(static_cast<std::size_t>(threads));
      const double time = seconds_of(threads, [&](int thread) {
        done[static_cast<std::size_t>(thread)] = kernels::find_table("auto")->peak_int8(1 << 20);
      });
      double limit = 0;
      for (const double one : done) limit += one / time / 1e12;
      for (Line& line : lines) {
        // Every thread the whole product: they share nothing, as items of one product do not.
        const double taken = seconds_of(threads, [&](int thread) {
          time_of(*line.variant, p, y[static_cast<std::size_t>(thread)].data(), 1);
        });
        if (first.empty()) first = y[0];
        if (!same(first, y[0])) {
          std::printf("%s: other bytes\n", line.variant->name);
          return 1;
        }
        line.values.push_back(ops / taken / 1e12);
        line.shares.push_back(ops / taken / 1e12 / limit);
      }
    } while (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() <
             seconds);
    print(lines, "TOPS", "the int8 peak");
  }
  return 0;
}

}  // namespace
}  // namespace oc::lab

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const int threads = argc > 2 ? std::max(1, std::atoi(argv[2]))
                               : static_cast<int>(std::thread::hardware_concurrency());
  const double seconds = argc > 3 ? std::atof(argv[3]) : 5;
  const oc::lab::VariantSet set = oc::lab::variants();
  if (what.empty() || what == "few")
    if (const int status = oc::lab::few(set, threads, seconds); status != 0) return status;
  if (what.empty() || what == "tiles") return oc::lab::tiles(set, threads, seconds);
  return 0;
}
