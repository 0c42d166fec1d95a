#include "runtime/verify/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <limits>

namespace oc {
namespace {

constexpr std::size_t kFailuresKept = 5;
constexpr double kShownOnly = std::numeric_limits<double>::infinity();

void fail(StageResult& stage, std::string text) {
  ++stage.failed;
  if (stage.failures.size() < kFailuresKept) stage.failures.push_back(std::move(text));
}

}  // namespace

StageResult& VerifyReport::stage(std::string_view name) {
  const auto found = std::ranges::find_if(
      stages_, [&](const StageResult& s) { return s.name == name && s.checkpoint == checkpoint_; });
  if (found != stages_.end()) return *found;
  StageResult& added = stages_.emplace_back();
  added.checkpoint = checkpoint_;
  added.name = name;
  return added;
}

void VerifyReport::difference(std::string_view name, std::string_view at, double value,
                              double limit) {
  StageResult& s = stage(name);
  ++s.checked;
  s.limit = limit;
  if (!(value <= s.largest)) {  // NaN becomes the largest
    s.largest = value;
    s.worst_case = at;
  }
  if (!(value <= limit)) fail(s, fmt::format("{}: {:.3g} is above {:.3g}", at, value, limit));
}

void VerifyReport::equal(std::string_view name, std::string_view at, bool good,
                         std::string_view text) {
  StageResult& s = stage(name);
  ++s.checked;
  if (good) return;
  if (s.largest == 0) s.worst_case = at;
  s.largest += 1;
  fail(s, fmt::format("{}: {}", at, text));
}

void VerifyReport::figure(std::string_view name, std::string_view at, double value) {
  difference(name, at, value, kShownOnly);
}

int VerifyReport::checked() const {
  int total = 0;
  for (const StageResult& s : stages_) total += s.checked;
  return total;
}

int VerifyReport::failed() const {
  int total = 0;
  for (const StageResult& s : stages_) total += s.failed;
  return total;
}

std::string VerifyReport::table() const {
  std::string out = fmt::format("{:<24} {:>7} {:>7} {:>12} {:>9}  {}\n", "stage", "checked",
                                "failed", "largest", "limit", "where");
  std::string checkpoint;
  for (const StageResult& s : stages_) {
    if (s.checkpoint != checkpoint) out += fmt::format("{}:\n", checkpoint = s.checkpoint);
    const std::string limit = s.limit == 0            ? "equal"
                              : s.limit == kShownOnly ? "-"
                                                      : fmt::format("{:.2g}", s.limit);
    const std::string largest =
        s.limit == 0 ? fmt::format("{} unequal", s.failed) : fmt::format("{:.3g}", s.largest);
    out += fmt::format("{:<24} {:>7} {:>7} {:>12} {:>9}  {}\n", s.name, s.checked, s.failed,
                       largest, limit, s.worst_case);
    for (const std::string& text : s.failures) out += fmt::format("    {}\n", text);
  }
  return out;
}

boost::json::object VerifyReport::json() const {
  boost::json::array stages;
  for (const StageResult& s : stages_) {
    boost::json::array failures;
    for (const std::string& text : s.failures) failures.emplace_back(text);
    boost::json::object row{{"stage", s.name},       {"checked", s.checked},
                            {"failed", s.failed},    {"largest", s.largest},
                            {"where", s.worst_case}, {"failures", std::move(failures)}};
    if (!s.checkpoint.empty()) row["checkpoint"] = s.checkpoint;
    if (s.limit != kShownOnly) row["limit"] = s.limit;
    stages.push_back(std::move(row));
  }
  return {{"failed", failed()}, {"stages", std::move(stages)}};
}

}  // namespace oc
