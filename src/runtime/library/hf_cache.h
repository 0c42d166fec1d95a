// Models that other programs keep in the Hugging Face cache (mlx-vlm, transformers, `hf download`):
// found by name and read where they lie. Nothing here is ever written or removed.
//
//   models--ORG--NAME/refs/main            the commit that was asked for last
//   models--ORG--NAME/snapshots/COMMIT/    the files, as links into
//   models--ORG--NAME/blobs/               which also has what is not finished (*.incomplete)
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace oc {

// $HF_HUB_CACHE, $HF_HOME/hub, or hub below $XDG_CACHE_HOME/huggingface or ~/.cache/huggingface.
std::optional<std::filesystem::path> hf_cache();

struct CachedModel {
  std::string name;              // "org/name"
  std::filesystem::path folder;  // the snapshot; empty: there is none
  std::string commit;
  std::string problem;  // what is missing of it; empty: whole
  bool ours = true;     // an architecture that is known here, or none yet
};

// Those whose architecture is known here, or not yet: the cache holds all kinds of models. Sorted.
std::vector<CachedModel> cached_models();
// By "org/name", or by "name" alone: all that are called so, at most one for "org/name"; those of
// other architectures only where there are no others.
std::vector<CachedModel> find_cached(std::string_view name);
// For a name that several have.
Error may_be_any_of(std::string_view name, const std::vector<CachedModel>& models);
// The model that this folder belongs to; none where it is not in the cache.
std::optional<std::string> cached_name(const std::filesystem::path& folder);

}  // namespace oc
