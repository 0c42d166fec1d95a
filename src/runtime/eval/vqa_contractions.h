// Words of VQA's evaluation that get their apostrophe back.
#pragma once

#include <string_view>

namespace oc {

// The word as the published evaluation writes it; the word itself where it is not in its list.
std::string_view with_apostrophe(std::string_view word);

}  // namespace oc
