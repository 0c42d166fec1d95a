// Changes that a running server was told, kept in the configuration file that it was started with.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace oc {

// All errors name the file without its folder, and say what to do; they are kUnavailable.

// The file's text with `changes` (a JSON object; inner objects member by member) in it; see
// edit_json(). Nothing is written.
Result<std::string> changed_text(const std::filesystem::path& file, const std::string& changes);

// Puts `text` in the file's place. Atomic: the file is the old or the new one, also after a crash.
// Its mode and owner stay, and a link stays one: what it leads to is replaced. A file that is
// read-only is left alone, also where the folder would let us.
Result<void> replace_file(const std::filesystem::path& file, const std::string& text);
// Does all of that but the last step, so that what would fail is known before.
Result<void> try_to_replace(const std::filesystem::path& file, const std::string& text);

}  // namespace oc
