// What `ocellus --version` says: which optional parts were built in, which were left out and how to
// get them, and what it was built with.
#pragma once

#include <string>

namespace oc {

std::string version_text();

}  // namespace oc
