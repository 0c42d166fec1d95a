// The bytes of a picture as they come from somewhere else: bounded, and counted before there is
// memory for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"

namespace oc {

// Who wants a picture, and within what.
struct WantedPicture {
  std::string_view request_id;  // for the log
  const Interrupt& interrupt;
  std::size_t max_bytes = 0;
  std::string_view limit;  // what sets it, for people: "--max-picture-mb"
  // May so many bytes be held for it? Asked before they are; false: kMemoryFull.
  std::function<bool(std::size_t bytes)> room = {};
};

class PictureBytes {
 public:
  explicit PictureBytes(const WantedPicture& wanted) : wanted_(wanted) {}

  // So many are said to come. kTooLarge, kMemoryFull; what is said is not believed otherwise.
  Result<void> expect(std::uint64_t bytes);
  Result<void> add(std::span<const std::byte> bytes);  // kTooLarge, kMemoryFull
  std::size_t size() const { return bytes_.size(); }
  std::vector<std::byte> take() && { return std::move(bytes_); }

 private:
  Error too_large() const;
  Result<void> reserve(std::size_t bytes);

  const WantedPicture& wanted_;
  std::vector<std::byte> bytes_;
};

}  // namespace oc
