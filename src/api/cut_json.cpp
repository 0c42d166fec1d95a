#include "api/cut_json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json/parse.hpp>
#include <string>
#include <vector>

namespace oc {
namespace {

namespace json = boost::json;

bool is_cut(const Answer& answer) {
  if (answer.finish_reason != FinishReason::kLength) return false;
  json::parse_options deep;
  deep.max_depth = 1000;
  boost::system::error_code error;
  json::parse(answer.text, error, {}, deep);
  return error == json::error::incomplete;
}

}  // namespace

void warn_of_cut_json(GenerateResult& result, const FieldNames& names) {
  std::vector<std::size_t> cut;
  const Answer* first = nullptr;
  for (std::size_t i = 0; i <= result.more.size(); ++i) {
    const Answer& one = i == 0 ? result : result.more[i - 1];
    if (!is_cut(one)) continue;
    cut.push_back(i);
    if (first == nullptr) first = &one;
  }
  if (first == nullptr) return;
  const std::string by = first->stop_cause == StopCause::kContextFull
                             ? "the end of the model's context"
                             : std::string(names.of("max_tokens"));
  std::string told = fmt::format("the answer is cut off by {}: its JSON is not whole", by);
  if (!result.more.empty())
    told = fmt::format("choices are cut off by {}, and their JSON is not whole: {}", by,
                       fmt::join(cut, ", "));
  result.warning = result.warning ? *result.warning + "; " + told : told;
}

}  // namespace oc
