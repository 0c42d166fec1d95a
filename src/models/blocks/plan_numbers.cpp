#include "models/blocks/plan_numbers.h"

#include <charconv>

#include "base/check.h"

namespace oc {

std::vector<int> plan_numbers(const ImagePlan& plan, std::string_view layout, std::size_t count) {
  OC_CHECK(plan.family.starts_with(layout), "a picture's plan of another family: {}", plan.family);
  std::vector<int> numbers;
  const char* const end = plan.family.data() + plan.family.size();
  for (const char* at = plan.family.data() + layout.size(); at != end;) {
    int number = 0;
    const auto [behind, error] = std::from_chars(at, end, number);
    if (error == std::errc{}) numbers.push_back(number);
    at = error == std::errc{} ? behind : at + 1;
  }
  OC_CHECK(numbers.size() == count, "a picture's plan: {}", plan.family);
  return numbers;
}

}  // namespace oc
