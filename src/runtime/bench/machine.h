// The limits of the machine, measured in the same run as what is judged by them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace oc {

struct IsaPeak {
  std::string isa;  // "avx2"
  double int8_tops = 0, f32_gflops = 0;
};

struct MachineLimits {
  std::string cpu;                       // as the system names it
  int threads = 0;                       // that were used
  std::string isa;                       // that the engine uses
  double read_gbs = 0;                   // memory read by all threads, 1e9 bytes a second
  double int8_tops = 0, f32_gflops = 0;  // of `isa`, all threads
  std::vector<IsaPeak> isas;             // every target that can run here
};

// Takes about a second and 256 MB. kInvalidArgument: an unknown isa.
Result<MachineLimits> measure_machine(int threads, const std::string& isa);
// Read bandwidth alone, GB/s: machines share their memory with neighbours, so it drifts.
double measure_read_gbs(int threads, const std::string& isa);
// Operations alone, 1e12 a second: int8 dots, or float32 fused products counted as two.
double measure_peak_tops(int threads, const std::string& isa, bool int8);
// Peak resident memory of this process since the last reset, MB (1e6 bytes); 0 where the system
// does not say.
double peak_rss_mb();
void reset_peak_rss();

}  // namespace oc
