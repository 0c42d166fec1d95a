// What `ocellus --version` says: which optional parts were built in, which were left out and how to
// get them, and what it was built with.
#pragma once

#include <string>
#include <string_view>

#include "runtime/verify/certificate.h"

namespace oc {

std::string version_text();

// Of the source that was built: twelve digits, and "+" with a digest of changes that are in no
// commit; "unknown" where it was no repository.
std::string_view source_commit();

ProgramBuild this_build();

}  // namespace oc
