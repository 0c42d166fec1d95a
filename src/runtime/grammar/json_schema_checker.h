// Goes through a client's schema (json_schema.h). Only for .cpp files of this room.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/grammar/json_schema.h"

namespace oc {

inline Error schema_wrong(const std::string& param, std::string_view what) {
  return {ErrorCode::kInvalidArgument, "\"" + param + "\" " + std::string(what), "", param};
}
inline Error schema_unsupported(const std::string& param, std::string_view what,
                                std::string hint = "") {
  return {ErrorCode::kUnsupported, "\"" + param + "\" " + std::string(what), std::move(hint),
          param};
}

class SchemaChecker {
 public:
  explicit SchemaChecker(const SchemaLimits& limits) : limits_(limits) {}

  Result<EnforceableSchema> run(const boost::json::value& root, const std::string& path);

 private:
  Result<boost::json::object> schema(const boost::json::value& value, const std::string& path,
                                     bool root = false);
  Result<void> one_more(const std::string& path);
  Result<void> check_keywords(const boost::json::object& in, const std::string& path,
                              bool root) const;
  Result<void> alone(const boost::json::object& in, std::string_view keyword,
                     const std::string& path,
                     std::initializer_list<std::string_view> allowed_too = {}) const;
  Result<boost::json::object> reference(const boost::json::object& in, const std::string& path);
  Result<boost::json::object> values(const boost::json::object& in, std::string_view keyword,
                                     const std::string& path);
  Result<boost::json::object> any_of(const boost::json::object& in, const std::string& path,
                                     std::string_view keyword);
  Result<std::vector<std::string>> types(const boost::json::object& in,
                                         const std::string& path) const;
  Result<boost::json::object> of_type(const boost::json::object& in, const std::string& type,
                                      const std::string& path);
  Result<boost::json::object> object(const boost::json::object& in, const std::string& path);
  Result<std::optional<boost::json::array>> names(const boost::json::object& in,
                                                  const std::string& path) const;
  Result<void> free_keys(const boost::json::object& in, const std::string& path,
                         boost::json::object& out);
  Result<boost::json::object> key_schema(const boost::json::value& given, const std::string& param);
  Result<void> count_keys(const boost::json::object& in, const std::string& path,
                          boost::json::object& out);
  Result<boost::json::object> array(const boost::json::object& in, const std::string& path);
  Result<boost::json::object> string(const boost::json::object& in, const std::string& path);
  Result<boost::json::object> number(const boost::json::object& in, bool integer,
                                     const std::string& path);
  Result<boost::json::object> multiples(const boost::json::object& in, bool integer, double low,
                                        double high, const std::string& path);
  Result<std::optional<std::int64_t>> count(const boost::json::object& in, std::string_view keyword,
                                            const std::string& path) const;
  bool is_enforceable(const boost::json::value& pattern) const;
  Result<void> spend(const boost::json::object& bounded, std::int64_t cost,
                     const std::string& path);
  Result<void> pay(std::int64_t cost, const std::string& path);

  const SchemaLimits& limits_;
  const boost::json::object* root_ = nullptr;
  std::size_t schemas_ = 0, enum_values_ = 0;
  std::int64_t cost_ = 1000;       // of the whole
  std::set<std::string> bounded_;  // strings that are paid for
  std::vector<std::string> not_enforced_;
  std::vector<SchemaReference> refs_;
  std::vector<SchemaLiteral> literals_;
  std::string within_ = "#";  // as references name it
};

}  // namespace oc
