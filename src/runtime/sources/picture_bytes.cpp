#include "runtime/sources/picture_bytes.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "base/memory_full.h"

namespace oc {
namespace {

constexpr std::size_t kFirst = 64u << 10;

Error no_room() { return memory_full("pictures"); }

}  // namespace

Error PictureBytes::too_large() const {
  return {ErrorCode::kTooLarge,
          fmt::format("the picture has more than {} bytes", wanted_.max_bytes),
          fmt::format("send a smaller one, or raise {}", wanted_.limit)};
}

// While the bytes move to a larger place there are both.
Result<void> PictureBytes::reserve(std::size_t bytes) {
  if (bytes <= bytes_.capacity()) return {};
  if (wanted_.room && !wanted_.room(bytes + bytes_.capacity())) return no_room();
  try {
    bytes_.reserve(bytes);
  } catch (const std::bad_alloc&) {
    return no_room();
  }
  return {};
}

Result<void> PictureBytes::expect(std::uint64_t bytes) {
  if (bytes > wanted_.max_bytes) return too_large();
  return reserve(static_cast<std::size_t>(bytes));
}

Result<void> PictureBytes::add(std::span<const std::byte> bytes) {
  if (bytes.size() > wanted_.max_bytes - bytes_.size()) return too_large();
  const std::size_t needed = bytes_.size() + bytes.size();
  if (needed > bytes_.capacity())
    OC_RETURN_IF_ERROR(reserve(std::min(std::max({needed, 2 * bytes_.capacity(), kFirst}),
                                        std::max(needed, wanted_.max_bytes))));
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return {};
}

}  // namespace oc
