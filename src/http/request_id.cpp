#include "http/request_id.h"

#include <algorithm>

#include "base/ascii.h"
#include "io/random_text.h"

namespace oc::http {

std::string random_id(std::string_view prefix) { return std::string(prefix) + random_text(26); }

std::string request_id(std::string_view from_client) {
  const bool well_formed =
      !from_client.empty() && from_client.size() <= 128 &&
      std::all_of(from_client.begin(), from_client.end(), [](char c) {
        return is_letter_or_digit(c) || std::string_view("._:-").find(c) != std::string_view::npos;
      });
  return well_formed ? std::string(from_client) : random_id("req-");
}

}  // namespace oc::http
