// What models and their files may be called by people and clients. Pure functions.
#pragma once

#include <string_view>

namespace oc {

// "phi", "org/phi": one or two parts of letters, digits, '.', '_', '-' that do not begin with '.'.
bool is_plain_name(std::string_view name);
// One part of a path, as a file of a model may be called: letters, digits, '.', '_', '-', no '.' in
// front, at most 200 bytes.
bool is_safe_file_name(std::string_view name);

}  // namespace oc
