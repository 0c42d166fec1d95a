// What a JSON schema's alternatives have in common: the library merges equal beginnings and ends
// one character at a time, and looks at all of them each time.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "runtime/grammar/json_schema.h"

namespace oc {
namespace {

std::size_t common_beginning(const std::string& a, const std::string& b) {
  const auto ends = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<std::size_t>(ends.first - a.begin());
}

// Of the pair that has most in common: sorted, it stands side by side. What is there several times
// is all in common.
struct Common {
  std::size_t bytes = 0;
  std::string param;
};
Common longest_beginning(std::vector<SchemaLiteral>& literals,
                         const std::map<std::string, std::size_t>& copies) {
  std::ranges::sort(literals, {}, &SchemaLiteral::text);
  Common largest;
  for (std::size_t i = 0; i < literals.size(); ++i) {
    const SchemaLiteral& one = literals[i];
    std::size_t bytes = i == 0 ? 0 : common_beginning(literals[i - 1].text, one.text);
    if (const auto found = copies.find(one.within); found != copies.end() && found->second > 1)
      bytes = one.text.size();
    if (bytes > largest.bytes) largest = {bytes, one.param};
  }
  return largest;
}

}  // namespace

AlikeCost alike_cost(std::vector<SchemaLiteral> literals,
                     std::span<const SchemaReference> references) {
  std::map<std::string, std::size_t> copies;
  for (const SchemaReference& one : references) ++copies[one.to];
  const Common begin = longest_beginning(literals, copies);
  AlikeCost cost;
  for (SchemaLiteral& one : literals) {
    const auto found = copies.find(one.within);
    cost.bytes += one.text.size() * (found == copies.end() ? 1 : found->second);
    std::ranges::reverse(one.text);
  }
  const Common end = longest_beginning(literals, copies);
  cost.common = begin.bytes + end.bytes;
  cost.param = begin.bytes >= end.bytes ? begin.param : end.param;
  return cost;
}

Result<void> check_alike(std::vector<SchemaLiteral> literals,
                         std::span<const SchemaReference> references, const SchemaLimits& limits) {
  const AlikeCost cost = alike_cost(std::move(literals), references);
  if (cost.work() <= limits.alike) return {};
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("\"{}\" makes the schema too costly: values or optional keys have {} "
                           "bytes at the beginning and end in common with another, all of them "
                           "have {} (the product: at most {})",
                           cost.param, cost.common, cost.bytes, limits.alike),
               "let them differ early, or shorten them", cost.param};
}

}  // namespace oc
