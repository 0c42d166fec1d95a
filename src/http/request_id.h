// Names for requests and answers.
#pragma once

#include <string>
#include <string_view>

namespace oc::http {

// `prefix` and 26 letters and digits, 130 bits of the system's random numbers.
std::string random_id(std::string_view prefix);

// A client's x-request-id is taken over when it is 1 to 128 of [A-Za-z0-9._:-]; else there is a new
// one, so that nothing else gets into logs and answers.
std::string request_id(std::string_view from_client);

}  // namespace oc::http
