// POST /api/v1/logging/user_query: the original's pages send what a person typed, for a log.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace oc {

struct UserQuery {
  std::string id;
  std::size_t bytes = 0;  // of the question; its words are nobody's business
};
// kInvalidArgument: it is too long, or not as the original's pages send it.
Result<UserQuery> parse_user_query(std::string_view body);

// The original answered whatever came with a 200.
std::string query_logged_json(const UserQuery& query);
std::string query_refused_json(const Error& error);

}  // namespace oc
