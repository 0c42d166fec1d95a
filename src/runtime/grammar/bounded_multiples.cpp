#include "runtime/grammar/bounded_multiples.h"

#include <fmt/format.h>

#include <vector>

namespace oc {
namespace {

// What may come behind digits with a remainder, where so many more may come. A place from which no
// end can be reached has no rule.
class MultipleRules {
 public:
  MultipleRules(std::int64_t step, std::string name) : step_(step), name_(std::move(name)) {
    add_places();
  }

  const std::string& text() const { return text_; }
  // The first digit, no 0, and what comes behind it.
  std::string first() const { return digits(0, kMultipleDigits - 1, 1); }

 private:
  std::string place(std::int64_t remainder, int more) const {
    return fmt::format("{}_{}_{}", name_, more, remainder);
  }

  std::string digits(std::int64_t remainder, int more, int from) const {
    std::string out;
    for (int digit = from; digit < 10; ++digit) {
      const std::int64_t next = (remainder * 10 + digit) % step_;
      if (!there_[static_cast<std::size_t>(more)][static_cast<std::size_t>(next)]) continue;
      out += fmt::format("{}\"{}\" {}", out.empty() ? "" : " | ", digit, place(next, more));
    }
    return out;
  }

  void add_places() {
    for (int more = 0; more < kMultipleDigits; ++more) {
      auto& there = there_.emplace_back(static_cast<std::size_t>(step_), false);
      for (std::int64_t remainder = 0; remainder < step_; ++remainder) {
        std::string may = more == 0 ? "" : digits(remainder, more - 1, 0);
        if (remainder == 0) may = may.empty() ? "\"\"" : "\"\" | " + may;
        if (may.empty()) continue;
        there[static_cast<std::size_t>(remainder)] = true;
        text_ += fmt::format("{} ::= {}\n", place(remainder, more), may);
      }
    }
  }

  std::int64_t step_;
  std::string name_, text_;
  std::vector<std::vector<bool>> there_;  // by how many more, by remainder
};

}  // namespace

std::string BoundedMultiples::rules(const std::string& name) const {
  const MultipleRules places(step, name);
  return fmt::format("{0} ::= {1}{2}{0}_first\n{0}_first ::= {3}\n{4}", name,
                     zero ? "\"0\" | " : "", negative ? "\"-\"? " : "", places.first(),
                     places.text());
}

}  // namespace oc
