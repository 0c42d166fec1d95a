// Manual pages, in the man macros of roff.
#pragma once

#include <string>

#include "command_table.h"

namespace oc {

// "ocellus-config-show": the page's name, in section 1.
std::string man_name(const Command& command);
std::string man_page(const Command& command, const std::string& version);

}  // namespace oc
