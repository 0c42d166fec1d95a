// The models that have a short name, and where they are to be had.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace oc {

struct KnownModel {
  std::string_view name;  // "phi-3.5-vision-4bit"
  std::string_view repo;
  std::uint64_t bytes;  // about, of all its files
};
std::span<const KnownModel> known_models();
const KnownModel* find_known_model(std::string_view name);  // by either name; null: none

}  // namespace oc
