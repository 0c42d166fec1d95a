// Small helpers over golden folders: tensors by name, documents, hashes.
#pragma once

#include <boost/json/value.hpp>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/safetensors.h"

namespace oc {

// The tensors of an expect.safetensors.
class Expectations {
 public:
  static Result<Expectations> open(const std::filesystem::path& file);
  // Empty when there is no such tensor.
  std::vector<float> find(std::string_view name) const;
  std::span<const std::uint8_t> bytes(std::string_view name) const;  // of a uint8 tensor

 private:
  std::shared_ptr<const SafetensorsFile> file_;
};

// Largest absolute difference; infinity when the lengths differ, NaN when a value is NaN.
double largest_difference(std::span<const float> a, std::span<const float> b);
std::string sha256_hex(std::span<const std::uint8_t> bytes);
Result<boost::json::value> read_cases(const std::filesystem::path& file);
std::vector<double> numbers(const boost::json::value& list);

}  // namespace oc
