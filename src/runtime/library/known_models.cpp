#include "runtime/library/known_models.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "models/registry.h"

namespace oc {
namespace {

// clang-format off
constexpr std::array kKnownModels{
    KnownModel{"phi-3.5-vision-4bit", "mlx-community/Phi-3.5-vision-instruct-4bit", 2'340'000'000, "phi3_v"},
    KnownModel{"phi-3.5-vision", "microsoft/Phi-3.5-vision-instruct", 8'300'000'000, "phi3_v"},
    KnownModel{"smolvlm2-500m", "HuggingFaceTB/SmolVLM2-500M-Video-Instruct", 2'030'000'000, "smolvlm"},
    KnownModel{"smolvlm2-500m-mlx", "mlx-community/SmolVLM2-500M-Video-Instruct-mlx", 1'020'000'000, "smolvlm"},
    KnownModel{"smolvlm2-500m-8bit", "mlx-community/SmolVLM2-500M-Video-Instruct-mlx-8bit-skip-vision", 630'000'000, "smolvlm"},
    KnownModel{"smolvlm2-500m-4bit", "EZCon/SmolVLM2-500M-Video-Instruct-4bit-mlx", 420'000'000, "smolvlm"},
    KnownModel{"smolvlm2-256m", "HuggingFaceTB/SmolVLM2-256M-Video-Instruct", 1'030'000'000, "smolvlm"},
    KnownModel{"smolvlm2-256m-mlx", "mlx-community/SmolVLM2-256M-Video-Instruct-mlx", 520'000'000, "smolvlm"},
    KnownModel{"smolvlm2-2.2b", "HuggingFaceTB/SmolVLM2-2.2B-Instruct", 9'000'000'000, "smolvlm"},
    KnownModel{"smolvlm2-2.2b-mlx", "mlx-community/SmolVLM2-2.2B-Instruct-mlx", 4'500'000'000, "smolvlm"},
    KnownModel{"smolvlm2-2.2b-8bit", "EZCon/SmolVLM2-2.2B-Instruct-8bit-mlx", 2'780'000'000, "smolvlm"},
    KnownModel{"smolvlm2-2.2b-4bit", "EZCon/SmolVLM2-2.2B-Instruct-4bit-mlx", 1'900'000'000, "smolvlm"},
    // One name that has meant several models: the newest of which all is proven.
    KnownModel{"moondream2", "vikhyatk/moondream2", 3'860'000'000, "moondream1", "2025-01-09"},
};
// clang-format on

// Of this revision the repository's own tokenizer.json is that of the revisions before it.
constexpr std::array kBorrowedFiles{
    BorrowedFile{"vikhyatk/moondream2", "2025-06-21", "tokenizer.json", "moondream/starmie-v1",
                 "35192e10a54e36eabe0a7cc57a2c1aab371cafc5",
                 "answers of this revision were not compared with the reference code"}};

}  // namespace

std::span<const KnownModel> known_models() {
  static const std::vector<KnownModel> ours = [] {
    std::vector<KnownModel> found;
    std::ranges::copy_if(kKnownModels, std::back_inserter(found), [](const KnownModel& model) {
      return std::ranges::find(architectures(), model.architecture, &Architecture::type) !=
             architectures().end();
    });
    return found;
  }();
  return ours;
}

const KnownModel* find_known_model(std::string_view name) {
  const auto all = known_models();
  const auto found = std::ranges::find_if(
      all, [&](const KnownModel& model) { return model.name == name || model.repo == name; });
  return found == all.end() ? nullptr : &*found;
}

std::vector<std::string_view> names_like(std::string_view name) {
  constexpr std::size_t kShortest = 4;  // letters that tell a family
  std::string wanted = lower(name);
  std::ranges::replace(wanted, '_', '-');
  std::vector<std::string_view> names;
  if (wanted.size() < kShortest) return names;
  for (const KnownModel& model : known_models())
    if (model.name.starts_with(wanted) || wanted.starts_with(model.name))
      names.push_back(model.name);
  return names;
}

const BorrowedFile* find_borrowed_file(std::string_view repo, std::string_view revision) {
  const auto* const found = std::ranges::find_if(kBorrowedFiles, [&](const BorrowedFile& file) {
    return file.repo == repo && file.revision == revision;
  });
  return found == kBorrowedFiles.end() ? nullptr : &*found;
}

}  // namespace oc
