#include "io/file_address.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"

namespace oc {

Result<std::string> path_of_file_uri(std::string_view uri) {
  std::string_view rest = uri.substr(std::string_view("file:").size());
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    const std::string_view host = rest.substr(0, rest.find('/'));
    if (!host.empty() && !equal_ignoring_case(host, "localhost"))
      return Error{ErrorCode::kInvalidArgument, "a file of another machine cannot be read",
                   "copy it here first"};
    rest.remove_prefix(host.size());
  }
  if (rest.empty())
    return Error{ErrorCode::kInvalidArgument, "the address names no file",
                 "name it: file:///folder/picture.jpg"};
  std::string path;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    unsigned value = 0;
    const std::string_view digits = rest.substr(std::min(i + 1, rest.size()), 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (rest[i] == '%' && digits.size() == 2 && end == digits.data() + 2) {
      path += static_cast<char>(value);
      i += 2;
    } else {
      path += rest[i];
    }
  }
  return path;
}

bool is_network_address(std::string_view name) {
  const std::size_t end = name.find("://");
  return end != std::string_view::npos && end > 0 &&
         !equal_ignoring_case(name.substr(0, end), "file") &&
         std::ranges::all_of(name.substr(0, end), is_letter_or_digit);
}

Result<std::string> listed_file(const std::string& name, const std::filesystem::path& folder) {
  if (is_network_address(name))
    return Error{ErrorCode::kInvalidArgument, "pictures are not fetched from the network",
                 "fetch it yourself and name the file"};
  if (starts_with_ignoring_case(name, "data:"))
    return Error{ErrorCode::kInvalidArgument, "a picture's data stands where a file is to be named",
                 "write the picture into a file and name that"};
  if (starts_with_ignoring_case(name, "file:")) return path_of_file_uri(name);
  return (folder / name).string();
}

}  // namespace oc
