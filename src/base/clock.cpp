#include "base/clock.h"

#include <fmt/format.h>

#include <ctime>

namespace oc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Without a zone.
std::string utc(std::chrono::time_point<WallClock, seconds> time) {
  const std::time_t calendar = WallClock::to_time_t(time);
  std::tm utc{};
  gmtime_r(&calendar, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<seconds>(WallClock::now().time_since_epoch()).count();
}

std::string utc_timestamp(WallClock::time_point time) {
  return utc(std::chrono::floor<seconds>(time)) + "Z";
}

std::string utc_timestamp_in_ms(WallClock::time_point time) {
  const auto whole = std::chrono::floor<seconds>(time);
  return fmt::format("{}.{:03}Z", utc(whole),
                     std::chrono::floor<milliseconds>(time - whole).count());
}

}  // namespace oc
