// From the name of a model to its folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace oc {

// Who says which model: the person at the machine may name any folder; a client only names.
enum class NameFrom { kOperator, kClient };

// "demo" or "ocellus-demo" (the embedded model), an existing folder (operator only), or a name
// ("phi", "org/phi") below $OCELLUS_HOME/models or else in the Hugging Face cache
// (hf_cache.h). kNotFound says where was looked and how to pull a known model (operator only), and
// which models are there; kInvalidArgument for a client's name that is no plain name, and for one
// that several models of the cache have.
// The embedded model is in the program (io/files.h); $OCELLUS_DEMO_MODEL names a folder in its
// place.
Result<std::filesystem::path> resolve_model(const std::string& name_or_path,
                                            NameFrom from = NameFrom::kOperator);

// Whether both of the operator's names lead to one folder, however it is spelled.
bool is_same_model(const std::string& a, const std::string& b);

bool is_demo_name(std::string_view name);
// How clients call what resolve_model() finds: "ocellus-demo", "org/phi", or the folder's name.
std::string model_name(const std::string& name_or_path, const std::filesystem::path& folder);

// Names that resolve_model() would find, sorted; the embedded model first.
std::vector<std::string> available_models();

}  // namespace oc
