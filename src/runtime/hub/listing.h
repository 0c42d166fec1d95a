// What a hub says about a repository, and which of its files a model needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/hub/digest.h"

namespace oc::hub {

struct HubFile {
  std::string name;        // is_safe_file_name()
  std::uint64_t size = 0;  // bytes
  FileDigestKind kind = FileDigestKind::kSha256;
  std::string digest;  // hex; empty: the hub gives none
};

// The answer of /api/models/ORG/REPO/revision/REV. Names are as the server sent them: any bytes.
struct Revision {
  std::string commit;  // 40 hex digits
  std::vector<std::string> names;
};
Result<Revision> parse_revision(std::string_view body);

// One page of /api/models/ORG/REPO/tree/REV: the files of the top folder whose names are safe.
Result<std::vector<HubFile>> parse_tree(std::string_view body);

// The address of the next page out of a Link header, if there is one.
std::optional<std::string> next_page(std::string_view link_header);

// `small`: config, tokenizer, preprocessor, index. `weights`: every *.safetensors of the top
// folder.
struct Plan {
  std::vector<HubFile> small, weights;
  bool has_index = false;
};
// kNotFound: the repository lacks what a model needs (says which, and what there is instead);
// kCorrupt: a file without a size, or weights without a digest.
Result<Plan> plan_files(const Revision& revision, const std::vector<HubFile>& tree);

// The weights that the index lists; all but known duplicates where there is no index (empty text).
// kCorrupt: it lists a file that is not there.
Result<std::vector<HubFile>> choose_weights(const Plan& plan, std::string_view index_text);

inline constexpr std::string_view kIndexName = "model.safetensors.index.json";

}  // namespace oc::hub
