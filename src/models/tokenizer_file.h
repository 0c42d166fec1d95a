// The tokenizer of a model folder, also of the one in the program.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "text/tokenizer.h"

namespace oc {

Result<std::shared_ptr<const Tokenizer>> load_tokenizer(const std::filesystem::path& folder);

}  // namespace oc
