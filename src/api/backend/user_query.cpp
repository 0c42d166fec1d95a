#include "api/backend/user_query.h"

#include <boost/json/object.hpp>

#include "io/json.h"
#include "io/json_text.h"

namespace oc {

namespace json = boost::json;

Result<UserQuery> parse_user_query(std::string_view body) {
  constexpr std::size_t kMax = 64u << 10, kMaxId = 128;
  if (body.size() > kMax)
    return Error{ErrorCode::kInvalidArgument, "the body is longer than 65536 bytes"};
  const auto parsed = parse_json(body, "body", 8);
  const json::object* fields = parsed.ok() ? parsed->if_object() : nullptr;
  const auto text = [&](std::string_view key) -> const json::string* {
    const json::value* value = fields == nullptr ? nullptr : fields->if_contains(key);
    return value == nullptr ? nullptr : value->if_string();
  };
  const json::string *id = text("query_id"), *query = text("query");
  if (id == nullptr || query == nullptr || id->size() > kMaxId)
    return Error{ErrorCode::kInvalidArgument,
                 R"("query_id", of at most 128 bytes, and "query" must be strings)"};
  return UserQuery{std::string(*id), query->size()};
}

std::string query_logged_json(const UserQuery& query) {
  json::object out;
  out["status"] = "logged";
  out["query_id"] = query.id;
  return json_text(out);
}

std::string query_refused_json(const Error& error) {
  json::object out;
  out["status"] = "error";
  out["message"] = error.message;
  return json_text(out);
}

}  // namespace oc
