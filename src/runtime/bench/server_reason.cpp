#include "runtime/bench/server_reason.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "base/printable.h"

namespace oc {
namespace {

namespace json = boost::json;

std::string text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::string message_of(const json::object& document) {
  if (const json::value* error = document.if_contains("error");
      error != nullptr && error->is_object())
    if (std::string message = text_at(error->get_object(), "message"); !message.empty())
      return message;
  for (const std::string_view key : {"error", "message", "detail"})
    if (std::string message = text_at(document, key); !message.empty()) return message;
  return {};
}

}  // namespace

std::string server_reason(std::string_view body) {
  constexpr std::size_t kLongest = 1000, kLongestPlain = 200;
  boost::system::error_code code;
  const json::value value = json::parse(body, code);
  if (!code && value.is_object())
    if (const std::string message = message_of(value.get_object()); !message.empty())
      return shortened(message, kLongest);
  constexpr std::string_view kSpace = " \t\r\n";
  body.remove_prefix(std::min(body.find_first_not_of(kSpace), body.size()));
  if (body.starts_with('<')) return {};
  body = body.substr(0, body.find_last_not_of(kSpace) + 1);
  return printable(shortened(body, kLongestPlain), Lines::kOne);
}

}  // namespace oc
