#include "runtime/verify/expect.h"

#include <fmt/format.h>

#include <boost/system/system_error.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <system_error>

#include "io/checkpoint.h"
#include "io/digest.h"
#include "io/json.h"

namespace oc {

Result<Expectations> Expectations::open(const std::filesystem::path& file) {
  Expectations out;
  OC_ASSIGN_OR_RETURN(out.file_, SafetensorsFile::open(file));
  return out;
}

std::vector<float> Expectations::find(std::string_view name) const {
  const TensorView* tensor = file_->find(name);
  return tensor != nullptr && tensor->dtype == DType::kF32 ? to_f32(*tensor) : std::vector<float>();
}

std::span<const std::uint8_t> Expectations::bytes(std::string_view name) const {
  const TensorView* tensor = file_->find(name);
  if (tensor == nullptr || tensor->dtype != DType::kU8) return {};
  return {reinterpret_cast<const std::uint8_t*>(tensor->data.data()), tensor->data.size()};
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    if (!(difference <= largest)) largest = difference;
    if (std::isnan(largest)) break;
  }
  return largest;
}

std::string sha256_hex(std::span<const std::uint8_t> bytes) {
  Digest digest;
  digest.add(std::as_bytes(bytes));
  return digest.finish_hex();
}

Result<boost::json::value> read_cases(const std::filesystem::path& file) {
  OC_ASSIGN_OR_RETURN(const std::string text, read_file(file, 64u << 20));
  return parse_json(text, file.filename().string());
}

Result<void> with_case(std::string_view file, std::string_view at,
                       const std::function<Result<void>()>& check) {
  const auto wrong = [&](const char* what) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{}: {}: a field is missing or of another type, or the model has no "
                             "tap for it ({})",
                             file, at, what),
                 "docs/add-a-model.md says what golden data holds"};
  };
  try {
    return check();
  } catch (const std::out_of_range& missing) {  // of a map
    return wrong(missing.what());
  } catch (const std::system_error& other) {  // of a number
    return wrong(other.what());
  } catch (const boost::system::system_error& other) {
    return wrong(other.what());
  } catch (const std::invalid_argument& other) {
    return wrong(other.what());
  }
}

std::vector<double> numbers(const boost::json::value& list) {
  std::vector<double> out;
  for (const boost::json::value& value : list.as_array()) out.push_back(value.to_number<double>());
  return out;
}

}  // namespace oc
