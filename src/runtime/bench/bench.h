// How fast a model runs on this machine, each figure as a share of what the machine could do.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/bench/machine.h"
#include "runtime/library/loader.h"

namespace oc {

// What a bench measures; loading comes before all of it.
inline constexpr std::string_view kBenchParts[] = {"answer", "encode", "prefill", "decode"};

struct BenchOptions {
  std::string model = "demo";
  EngineOptions engine;
  LoadOptions loading;
  std::vector<int> views = {1, 3, 5, 17};  // runs of the vision tower over a picture
  std::vector<int> prefill = {64, 335, 779, 2531};
  std::vector<int> contexts = {0, 779, 3000};
  std::vector<int> sequences = {1, 2, 4, 8};  // at context 0; 1 elsewhere
  int decode_steps = 16;
  int repeats = 3;                     // of encode and prefill, the median counts
  std::vector<std::string> only = {};  // of kBenchParts; none: all of them
  std::function<void(std::string_view what)> progress = {};
};

struct BenchResult {
  std::string name;       // encode | prefill | decode | load | answer
  std::string parameter;  // "views" | "tokens" | "context" | "cache"
  int amount = 0;         // of it; load: 0 cold, 1 warm
  int sequences = 1;
  double value = 0;
  std::string unit;                           // "tok/s", "ms"
  std::optional<double> rate = {};            // what the limit is about
  std::string rate_unit = {};                 // "GB/s" | "TOPS"
  std::optional<double> share_of_limit = {};  // of read bandwidth (decode) or int8/f32 peak
  double peak_rss_mb = 0;                     // of the process, during these runs
};

struct BenchReport {
  MachineLimits machine;
  std::string model;  // name
  EngineInfo engine;
  WeightType weights;
  std::vector<BenchResult> results;
  std::string logits_hash;  // SHA-256 of the logits behind the longest prompt

  std::string table() const;  // for people
  boost::json::object json() const;
};

// Loads the model itself, since loading is measured too. Prompts are random ids of the vocabulary.
// Lengths that the model's context does not hold are left out.
Result<BenchReport> run_bench(const BenchOptions& options);

// Two reports (json()) side by side: value and ratio for everything that both hold.
Result<std::string> compare_reports(const boost::json::object& a, const boost::json::object& b);

}  // namespace oc
