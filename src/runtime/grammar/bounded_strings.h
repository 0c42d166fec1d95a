// Strings of bounded length, and multiples between bounds. The library writes each of their
// characters out, and computes a mask for each; a rule with a budget of characters does the same
// with one. Its reader of schemas does not make such rules, so they are put in here: the schema is
// given to it with a value of one's own in each place, and what it makes of that value in its
// grammar's text becomes the rule. Equal patterns and formats, which the library would compile each
// by itself, become one definition.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/grammar/bounded_multiples.h"

namespace oc {

class BoundedStrings {
 public:
  // Shorter ones are left to the library: near its end a budget makes each mask slow.
  static constexpr std::int64_t kWrittenOut = 16;

  explicit BoundedStrings(std::string_view schema);  // as enforceable_schema() returns it
  bool any() const { return !rules_.empty() || !patterns_.empty() || !multiples_.empty(); }
  const std::string& schema() const { return schema_; }
  std::string rules(std::string grammar) const;  // `grammar`: in the library's EBNF

 private:
  using Lengths = std::pair<std::int64_t, std::int64_t>;  // at least, at most; -1: no end

  void replace(boost::json::value& schema);
  void replace_all(boost::json::value* schemas);  // an object or a list of them
  std::string name(std::size_t number) const { return mark_ + std::to_string(number); }
  std::string pattern_name(std::size_t number) const {
    return mark_ + "like_" + std::to_string(number);
  }
  std::string multiple_name(std::size_t number) const {
    return mark_ + "multiple_" + std::to_string(number);
  }
  std::string definition(std::size_t number) const {
    return mark_ + "of_" + std::to_string(number);
  }

  std::string mark_, schema_;
  std::map<Lengths, std::size_t> rules_;
  std::map<std::string, std::size_t> patterns_;
  std::map<BoundedMultiples, std::size_t> multiples_;
  std::map<std::string, std::size_t> shared_;  // schemas of strings
};

}  // namespace oc
