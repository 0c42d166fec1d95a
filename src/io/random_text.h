// Names that nobody can guess and no two processes give.
#pragma once

#include <cstddef>
#include <string>

namespace oc {

// Digits and letters a to v, five random bits each, of a generator fit for secrets.
std::string random_text(std::size_t characters);

}  // namespace oc
