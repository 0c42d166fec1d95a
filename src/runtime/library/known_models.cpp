#include "runtime/library/known_models.h"

#include <algorithm>
#include <array>

namespace oc {
namespace {

constexpr std::array kKnownModels{
    KnownModel{"phi-3.5-vision-4bit", "mlx-community/Phi-3.5-vision-instruct-4bit", 2'340'000'000},
    KnownModel{"phi-3.5-vision", "microsoft/Phi-3.5-vision-instruct", 8'300'000'000},
};

}  // namespace

std::span<const KnownModel> known_models() { return kKnownModels; }

const KnownModel* find_known_model(std::string_view name) {
  const auto found = std::ranges::find_if(kKnownModels, [&](const KnownModel& model) {
    return model.name == name || model.repo == name;
  });
  return found == kKnownModels.end() ? nullptr : &*found;
}

}  // namespace oc
