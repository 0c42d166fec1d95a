// Names of files as people write them: a path, or an address of this machine's ("file:///a%20b").
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace oc {

// The path of "file:/a%20b", "file:///a%20b" or "file://localhost/a%20b".
Result<std::string> path_of_file_uri(std::string_view uri);

// "http://host/a.png", "ftp://…".
bool is_network_address(std::string_view name);

// The path of a file that a list in `folder` names: below it, or absolute, or a file's address.
// kInvalidArgument: an address of the network, or a picture's data in place of a name.
Result<std::string> listed_file(const std::string& name, const std::filesystem::path& folder);

}  // namespace oc
