// Completion scripts of three shells.
#pragma once

#include <string>

#include "command_table.h"

namespace oc {

std::string bash_completion(const Command& program);
std::string zsh_completion(const Command& program);
std::string fish_completion(const Command& program);

}  // namespace oc
