// From a tokenizer.json to the kind of tokenizer that it describes. Files of a kind that is not
// there are refused, never approximated.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "text/tokenizer.h"

namespace oc {

Result<std::shared_ptr<const Tokenizer>> load_tokenizer_json(const std::filesystem::path& path);
// `what` names the document in errors: `tokenizer.json: "model.merges[12]" …`. kCorrupt for a
// document that contradicts itself, kUnsupported for one that no kind can follow.
Result<std::shared_ptr<const Tokenizer>> parse_tokenizer_json(std::string_view json,
                                                              std::string_view what);

}  // namespace oc
