// Small helpers over golden folders: tensors by name, documents, hashes.
#pragma once

#include <boost/json/value.hpp>
#include <filesystem>
#include <functional>
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
  Result<void> intact() const { return file_->intact(); }            // io/mapped_file.h

 private:
  std::shared_ptr<const SafetensorsFile> file_;
};

// Largest absolute difference; infinity when the lengths differ, NaN when a value is NaN.
double largest_difference(std::span<const float> a, std::span<const float> b);
std::string sha256_hex(std::span<const std::uint8_t> bytes);
Result<boost::json::value> read_cases(const std::filesystem::path& file);
std::vector<double> numbers(const boost::json::value& list);

// Runs `check`, which takes what it needs out of the golden case `at` of `file`. What is not there
// is kCorrupt with both names: golden data is made by hand-written scripts.
Result<void> with_case(std::string_view file, std::string_view at,
                       const std::function<Result<void>()>& check);

}  // namespace oc
