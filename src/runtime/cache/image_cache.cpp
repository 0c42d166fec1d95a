#include "runtime/cache/image_cache.h"

#include <fmt/format.h>

#include <array>
#include <span>

#include "io/digest.h"

namespace oc {

std::string pixel_digest(const Image& image) {
  Digest digest;
  const std::array<std::int64_t, 2> size = {image.width, image.height};
  digest.add(std::as_bytes(std::span(size)));
  digest.add(std::as_bytes(std::span(image.rgb)));
  return digest.finish();
}

std::string image_key(const std::string& pixels, const ImagePlan& plan, const std::string& scope) {
  Digest digest;
  digest.add(pixels);
  digest.add(fmt::format("{}:", plan.family.size()));  // or its end would run into the scope
  digest.add(plan.family);
  digest.add(scope);
  return digest.finish();
}

Tensor ImageCache::find(const std::string& digest) {
  const auto found = by_digest_.find(digest);
  ++(found == by_digest_.end() ? misses_ : hits_);
  if (found == by_digest_.end()) return {};
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->embeddings;
}

void ImageCache::insert(const std::string& digest, const Tensor& embeddings) {
  const auto bytes =
      static_cast<std::size_t>(embeddings.rows() * embeddings.cols()) * sizeof(float);
  if (bytes > max_bytes_ || max_entries_ == 0 || by_digest_.contains(digest)) return;
  while (bytes_ + bytes > max_bytes_ || entries_.size() >= max_entries_) {
    bytes_ -= entries_.back().bytes;
    by_digest_.erase(entries_.back().digest);
    entries_.pop_back();
  }
  entries_.push_front({digest, embeddings, bytes});
  by_digest_[digest] = entries_.begin();
  bytes_ += bytes;
}

}  // namespace oc
