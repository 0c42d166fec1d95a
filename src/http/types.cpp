#include "http/types.h"

namespace oc::http {

Response json_response(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

Response error_response(const ApiError& error) {
  Response response;
  response.status = error.status;
  if (error.retry_after_s > 0)
    response.headers.emplace_back("Retry-After", std::to_string(error.retry_after_s));
  if (error.final) response.headers.emplace_back("x-should-retry", "false");
  response.body = error_body(error);
  return response;
}

}  // namespace oc::http
