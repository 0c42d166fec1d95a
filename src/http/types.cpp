#include "http/types.h"

namespace oc::http {

Response json_response(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

Response error_response(const ApiError& error, std::string body) {
  Response response;
  response.status = error.status;
  if (error.retry_after_s > 0)
    response.headers.emplace_back("Retry-After", std::to_string(error.retry_after_s));
  if (error.final) response.headers.emplace_back("x-should-retry", "false");
  response.body = std::move(body);
  return response;
}

Response error_response(const Dialect& dialect, const ApiError& error) {
  return error_response(error, dialect.error_body(error));
}

}  // namespace oc::http
