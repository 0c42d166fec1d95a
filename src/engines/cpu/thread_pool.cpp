#include "engines/cpu/thread_pool.h"

#include <fmt/format.h>
#if defined(__linux__)
#include <sched.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <string>

namespace oc {
namespace {

namespace fs = std::filesystem;

constexpr int kSpins = 4000;  // some ten microseconds

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// CPUs' worth of time that the control group grants, 0 when it sets no limit.
double cgroup_cpus(const fs::path& sys) {
  std::ifstream unified(sys / "fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (unified >> quota >> period && quota != "max" && period > 0) return std::stod(quota) / period;
  std::ifstream quota_file(sys / "fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_file(sys / "fs/cgroup/cpu/cpu.cfs_period_us");
  double allowed = 0;
  if (quota_file >> allowed && period_file >> period && allowed > 0 && period > 0)
    return allowed / period;
  return 0;
}

}  // namespace

std::vector<int> affinity_cpus() {
  std::vector<int> cpus;
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
    return cpus;
  }
#endif
  auto count = static_cast<int>(std::thread::hardware_concurrency());
#ifdef __APPLE__
  // The fast cores: every step waits for its last item, which a slow core would have.
  int fast = 0;
  std::size_t size = sizeof fast;
  if (::sysctlbyname("hw.perflevel0.physicalcpu", &fast, &size, nullptr, 0) == 0 && fast > 0)
    count = fast;
#endif
  for (int cpu = 0; cpu < count; ++cpu) cpus.push_back(cpu);
  return cpus;
}

int usable_cores(const std::vector<int>& cpus, const fs::path& sys) {
  // Hyper-threads of one core list the same siblings ("0,4" or "0-1"). Those outside the mask are
  // in the list too, so it names the core whichever of them may be used.
  std::set<std::string> cores;
  for (const int cpu : cpus) {
    std::ifstream file(sys /
                       fmt::format("devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
    std::string siblings;
    if (!(file >> siblings)) siblings = fmt::format("cpu{}", cpu);  // a core of its own
    cores.insert(siblings);
  }
  int count = static_cast<int>(cores.size());
  const double quota = cgroup_cpus(sys);
  if (quota > 0) count = std::min(count, static_cast<int>(std::ceil(quota)));
  return std::max(1, count);
}

ThreadPool::ThreadPool(int threads) : shares_(static_cast<std::size_t>(std::max(threads, 1))) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  {
    const std::lock_guard lock(mutex_);
    region_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::take_items(int thread) {
  const auto count = static_cast<int>(shares_.size());
  for (int i = 0; i < count; ++i) {
    Share& share = shares_[static_cast<std::size_t>((thread + i) % count)];
    for (std::int64_t item;
         (item = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;)
      (*body_)(item, thread);
  }
}

void ThreadPool::run(std::int64_t items, const std::function<void(std::int64_t, int)>& body) {
  if (items <= 0) return;
  if (workers_.empty() || items == 1) {
    for (std::int64_t item = 0; item < items; ++item) body(item, 0);
    return;
  }
  body_ = &body;
  const auto count = static_cast<std::int64_t>(shares_.size());
  for (std::int64_t i = 0; i < count; ++i) {
    Share& share = shares_[static_cast<std::size_t>(i)];
    share.next.store(i * items / count, std::memory_order_relaxed);
    share.end = (i + 1) * items / count;
  }
  busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  region_.fetch_add(1);  // publishes the region
  if (sleeping_.load() > 0) {
    {
      const std::lock_guard lock(mutex_);
    }  // a worker that is about to sleep has seen the region, or waits
    wake_.notify_all();
  }
  take_items(0);
  for (int spins = 0; busy_.load(std::memory_order_acquire) > 0; ++spins) {
    if (spins < kSpins)
      pause();
    else
      std::this_thread::yield();
  }
}

void ThreadPool::work(int thread) {
  for (std::uint64_t seen = 0;;) {
    for (int spins = 0; region_.load(std::memory_order_acquire) == seen && spins < kSpins; ++spins)
      pause();
    if (region_.load() == seen) {
      std::unique_lock lock(mutex_);
      sleeping_.fetch_add(1);
      wake_.wait(lock, [&] { return region_.load() != seen; });
      sleeping_.fetch_sub(1);
    }
    seen = region_.load();
    if (stop_) return;
    take_items(thread);
    busy_.fetch_sub(1, std::memory_order_acq_rel);
  }
}

}  // namespace oc
