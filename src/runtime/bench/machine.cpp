#include "runtime/bench/machine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "base/clock.h"
#include "base/system/memory.h"
#include "base/system/processor.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "runtime/bench/median.h"

namespace oc {
namespace {

constexpr std::size_t kReadBytes = 256u << 20;  // far more than caches hold
constexpr int kRepeats = 5;
constexpr std::int64_t kRounds = 100'000;  // tens of milliseconds

// Operations a second of all threads together, the median of several goes.
double rate(ThreadPool& pool, double (*peak)(std::int64_t)) {
  std::vector<double> rates;
  std::int64_t rounds = kRounds;
  for (int i = 0; i < kRepeats; ++i) {
    std::vector<double> done(static_cast<std::size_t>(pool.threads()));
    const Stopwatch watch;
    pool.run(pool.threads(),
             [&](std::int64_t item, int) { done[static_cast<std::size_t>(item)] = peak(rounds); });
    double total = 0;
    for (const double one : done) total += one;
    rates.push_back(total / watch.ms() * 1e3);
    if (watch.ms() > 200) rounds /= 10;  // the portable form is slow
  }
  return median(std::move(rates));
}

double read_gbs(ThreadPool& pool, const kernels::Table& table) {
  // Written by the threads that will read it, so that every page is there.
  const auto bytes = std::make_unique_for_overwrite<std::uint8_t[]>(kReadBytes);
  const std::int64_t shares = 4 * pool.threads();
  const std::size_t share_bytes = kReadBytes / static_cast<std::size_t>(shares);
  pool.run(shares, [&](std::int64_t item, int) {
    std::fill_n(bytes.get() + static_cast<std::size_t>(item) * share_bytes, share_bytes,
                std::uint8_t{1});
  });
  std::vector<double> rates;
  for (int i = 0; i < kRepeats; ++i) {
    std::vector<std::uint32_t> sums(static_cast<std::size_t>(shares));
    const Stopwatch watch;
    pool.run(shares, [&](std::int64_t item, int) {
      sums[static_cast<std::size_t>(item)] =
          table.read_all(bytes.get() + static_cast<std::size_t>(item) * share_bytes, share_bytes);
    });
    rates.push_back(static_cast<double>(share_bytes) * static_cast<double>(shares) / watch.ms() /
                    1e6);
    OC_CHECK(std::ranges::all_of(sums, [&](std::uint32_t sum) { return sum == sums[0]; }),
             "equal memory gave unequal sums");
  }
  return median(std::move(rates));
}

}  // namespace

Result<MachineLimits> measure_machine(int threads, const std::string& isa) {
  const kernels::Table* table = kernels::find_table(isa);
  if (table == nullptr)
    return Error{
        ErrorCode::kInvalidArgument, fmt::format("isa is \"{}\"", isa),
        fmt::format("it must be one of: auto, {} (what this machine has; --isa or $OCELLUS_ISA)",
                    fmt::join(kernels::available_targets(), ", ")),
        "isa"};
  MachineLimits limits;
  limits.cpu = processor_name();
  limits.threads = threads > 0 ? threads : usable_cores();
  limits.isa = table->name;
  ThreadPool pool(limits.threads);
  limits.read_gbs = read_gbs(pool, *table);
  for (const std::string& name : kernels::available_targets()) {
    const kernels::Table& one = *kernels::find_table(name);
    limits.isas.push_back({name, rate(pool, one.peak_int8) / 1e12, rate(pool, one.peak_f32) / 1e9});
    if (name != limits.isa) continue;
    limits.int8_tops = limits.isas.back().int8_tops;
    limits.f32_gflops = limits.isas.back().f32_gflops;
  }
  return limits;
}

double measure_read_gbs(int threads, const std::string& isa) {
  const kernels::Table* table = kernels::find_table(isa);
  OC_CHECK(table != nullptr, "isa {}", isa);
  ThreadPool pool(threads > 0 ? threads : usable_cores());
  return read_gbs(pool, *table);
}

double measure_peak_tops(int threads, const std::string& isa, bool int8) {
  const kernels::Table* table = kernels::find_table(isa);
  OC_CHECK(table != nullptr, "isa {}", isa);
  ThreadPool pool(threads > 0 ? threads : usable_cores());
  return rate(pool, int8 ? table->peak_int8 : table->peak_f32) / 1e12;
}

double peak_rss_mb() { return static_cast<double>(peak_resident_memory()) / 1e6; }
void reset_peak_rss() { forget_peak_resident_memory(); }

}  // namespace oc
