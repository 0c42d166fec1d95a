#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/value_to.hpp>
#include <cmath>
#include <map>

#include "runtime/bench/bench.h"

namespace oc {
namespace {

namespace json = boost::json;

double rounded(double value) {  // four significant digits are more than a machine repeats
  if (value == 0 || !std::isfinite(value)) return value;
  const double unit = std::pow(10.0, 3 - std::floor(std::log10(std::abs(value))));
  return std::round(value * unit) / unit;
}

// "decode, 779 context, 1 sequence"
std::string label(std::string_view name, std::string_view parameter, std::int64_t amount,
                  std::int64_t sequences) {
  if (name == "load") return fmt::format("load, {} page cache", amount == 0 ? "cold" : "warm");
  std::string text = fmt::format("{}, {} {}", name, amount, parameter);
  if (name == "decode") text += fmt::format(", {} at once", sequences);
  return text;
}

// Values of a report by label.
Result<std::map<std::string, std::pair<double, std::string>>> values_of(
    const json::object& report) {
  std::map<std::string, std::pair<double, std::string>> out;
  try {
    for (const json::value& one : report.at("results").as_array()) {
      const json::object& result = one.as_object();
      // Reports of earlier builds say crops.
      for (const auto& [key, parameter] :
           {std::pair{"views", "views"}, std::pair{"crops", "views"}, std::pair{"tokens", "tokens"},
            std::pair{"context", "context"}, std::pair{"cache", "cache"}})
        if (const json::value* amount = result.if_contains(key))
          out[label(json::value_to<std::string>(result.at("name")), parameter,
                    amount->to_number<std::int64_t>(),
                    result.at("sequences").to_number<std::int64_t>())] = {
              result.at("value").to_number<double>(),
              json::value_to<std::string>(result.at("unit"))};
    }
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("this is no report of a benchmark: {}", error.what()),
                 "make one with: ocellus bench --json"};
  }
  return out;
}

}  // namespace

std::string BenchReport::table() const {
  std::string out = fmt::format("{}, {} threads, {}\n  reads {:.1f} GB/s\n", machine.cpu,
                                machine.threads, machine.isa, machine.read_gbs);
  for (const IsaPeak& peak : machine.isas)
    out += fmt::format("  {:<8} int8 {:6.3f} TOPS, f32 {:7.1f} GFLOPS\n", peak.isa, peak.int8_tops,
                       peak.f32_gflops);
  out += fmt::format("{} ({}) on {}\n\n{:<34} {:>12} {:>8}  {:>14} {:>9} {:>10}\n", model,
                     to_string(weights), engine.text(), "", "value", "", "rate", "of limit",
                     "peak MB");
  for (const BenchResult& r : results)
    out += fmt::format("{:<34} {:>12.5g} {:<8}  {:>14} {:>9} {:>10.0f}\n",
                       label(r.name, r.parameter, r.amount, r.sequences), r.value, r.unit,
                       r.rate ? fmt::format("{:.3g} {}", *r.rate, r.rate_unit) : "",
                       r.share_of_limit ? fmt::format("{:.1f} %", 100 * *r.share_of_limit) : "",
                       r.peak_rss_mb);
  return out + fmt::format("\nlast logits {}\n", logits_hash.substr(0, 16));
}

json::object BenchReport::json() const {
  json::array isas, list;
  for (const IsaPeak& peak : machine.isas)
    isas.push_back({{"isa", peak.isa},
                    {"int8_tops", rounded(peak.int8_tops)},
                    {"f32_gflops", rounded(peak.f32_gflops)}});
  for (const BenchResult& r : results) {
    json::object one{{"name", r.name},
                     {r.parameter, r.amount},
                     {"sequences", r.sequences},
                     {"value", rounded(r.value)},
                     {"unit", r.unit}};
    if (r.rate) one[r.rate_unit == "GB/s" ? "gbs" : "tops"] = rounded(*r.rate);
    if (r.share_of_limit)
      one["share_of_limit"] = rounded(*r.share_of_limit);
    else
      one["share_of_limit"] = nullptr;
    one["peak_rss_mb"] = rounded(r.peak_rss_mb);
    list.push_back(std::move(one));
  }
  return {{"machine",
           {{"cpu", machine.cpu},
            {"threads", machine.threads},
            {"isa", machine.isa},
            {"read_gbs", rounded(machine.read_gbs)},
            {"int8_tops", rounded(machine.int8_tops)},
            {"f32_gflops", rounded(machine.f32_gflops)},
            {"isas", std::move(isas)}}},
          {"model", model},
          {"weights", to_string(weights)},
          {"engine", engine.text()},
          {"results", std::move(list)},
          {"logits_hash", logits_hash}};
}

Result<std::string> compare_reports(const json::object& a, const json::object& b) {
  OC_ASSIGN_OR_RETURN(const auto first, values_of(a));
  OC_ASSIGN_OR_RETURN(const auto second, values_of(b));
  std::string out = fmt::format("{:<34} {:>12} {:>12} {:>8}\n", "", "A", "B", "B / A");
  int rows = 0;
  for (const auto& [name, value] : first) {
    const auto other = second.find(name);
    if (other == second.end() || value.first == 0) continue;
    out += fmt::format("{:<34} {:>12.5g} {:>12.5g} {:>8.3f} {}\n", name, value.first,
                       other->second.first, other->second.first / value.first, value.second);
    ++rows;
  }
  if (rows == 0)
    return Error{ErrorCode::kInvalidArgument, "the two reports have no figure in common", ""};
  const json::value *hash_a = a.if_contains("logits_hash"), *hash_b = b.if_contains("logits_hash");
  if (hash_a != nullptr && hash_b != nullptr)
    out += *hash_a == *hash_b ? "the last logits are equal\n" : "the last logits differ\n";
  return out;
}

}  // namespace oc
