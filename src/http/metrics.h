// Counters for GET /metrics, in Prometheus' text format (version 0.0.4). Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

#include "api/served_model.h"
#include "runtime/request.h"
#include "runtime/serving/service.h"

namespace oc::http {

// Counts of values up to each bound, and their sum. Seconds.
class Histogram {
 public:
  static constexpr std::array<double, 14> kBounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                     1,     2.5,  5,     10,   30,  60,   300};
  void observe(double seconds);
  void write(std::string& out, std::string_view name, std::string_view help) const;

 private:
  mutable std::mutex mutex_;
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  double sum_ = 0;
};

class Metrics {
 public:
  void count_exchange(std::string_view route, std::string_view method, int status, double ms);
  void count_answer(const GenerateResult& result);
  void count_image(const Result<bool>& decoded);  // decode_next_image()

  struct Now {
    bool ready = false;
    std::string_view model;  // empty while none is loaded
    ServiceStats service;
    std::size_t connections = 0;
    std::size_t memory_used = 0;  // of the budget for requests
    std::span<const ServedModel> models;
  };
  std::string text(const Now& now) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, int>, std::uint64_t> exchanges_;
  std::uint64_t image_tokens_ = 0, cached_tokens_ = 0, images_ = 0;
  std::uint64_t decoded_ = 0, refused_ = 0, stopped_ = 0;  // pictures
  Histogram duration_, time_to_first_token_, inter_token_;
};

// Resident memory of this process in bytes; 0 where the system does not tell.
std::size_t resident_bytes();

}  // namespace oc::http
