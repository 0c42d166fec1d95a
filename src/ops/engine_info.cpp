#include "ops/engine_info.h"

#include <fmt/format.h>

#include <string_view>

namespace oc {
namespace {

std::string_view name_of(Precision::Activations activations) {
  switch (activations) {
    case Precision::Activations::kF32:
      return "f32";
    case Precision::Activations::kInt8:
      return "int8";
    case Precision::Activations::kHalf:
      return "16-bit";
  }
  return "f32";
}

std::string_view name_of(Precision::Cache cache) {
  switch (cache) {
    case Precision::Cache::kF32:
      return "f32";
    case Precision::Cache::kF16:
      return "f16";
    case Precision::Cache::kInt8:
      return "q8";
    case Precision::Cache::kHalf:
      return "16-bit";
  }
  return "f32";
}

std::string text_of(const EngineInfo& info, int threads) {
  if (info.name.empty()) return {};  // of a model that was never loaded
  std::string out = info.name;
  if (!info.backend.empty()) out += ": " + info.backend;
  if (threads > 0) out += fmt::format(", {} thread{}", threads, threads == 1 ? "" : "s");
  if (!info.one_precision) out += ", " + to_string(info.precision);
  return out;
}

}  // namespace

std::string to_string(const Precision& precision) {
  const bool int8 = precision.activations == Precision::Activations::kInt8;
  return fmt::format("{} activations{}, {} kv", name_of(precision.activations),
                     int8 ? ", f32 outliers" : "", name_of(precision.cache));
}

std::string EngineInfo::text() const { return text_of(*this, threads); }
std::string EngineInfo::computation() const { return text_of(*this, 0); }

}  // namespace oc
