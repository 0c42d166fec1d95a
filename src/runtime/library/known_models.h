// The models that have a short name, and where they are to be had.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace oc {

struct KnownModel {
  std::string_view name;  // "phi-3.5-vision-4bit"
  std::string_view repo;
  std::uint64_t bytes;                 // about, of all its files
  std::string_view architecture;       // config.json's model_type
  std::string_view revision = "main";  // that is meant where none is named
};
// Those of architectures that this program has.
std::span<const KnownModel> known_models();
const KnownModel* find_known_model(std::string_view name);  // by either name; null: none
// What somebody may have meant with a name that is none: "smolvlm2_500m_video" is smolvlm2-500m and
// its conversions, "moondream" moondream2.
std::vector<std::string_view> names_like(std::string_view name);

// A file that a repository has in another place, or not as it should be.
struct BorrowedFile {
  std::string_view repo, revision;  // whose file it is to be
  std::string_view file;
  std::string_view from_repo, from_revision;
  std::string_view note;  // what is to be known of such a model
};
// What a revision of a repository borrows; null: nothing.
const BorrowedFile* find_borrowed_file(std::string_view repo, std::string_view revision);

}  // namespace oc
