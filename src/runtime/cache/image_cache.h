// Encoded pictures: the second request about one does not run the vision tower again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <list>
#include <string>
#include <unordered_map>

#include "image/image.h"
#include "models/model.h"

namespace oc {

constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

// SHA-256 (binary) over decoded pixels and their size.
std::string pixel_digest(const Image& image);
// What the embeddings of a picture depend on, the model left out: pixel_digest() and
// ImagePlan::family. Scopes are kept apart.
std::string image_key(const std::string& pixels, const ImagePlan& plan, const std::string& scope);

// Engine thread only. Bounded in bytes and number, least recently used first out.
class ImageCache {
 public:
  explicit ImageCache(std::size_t max_bytes, std::size_t max_entries = kAnyNumber)
      : max_bytes_(max_entries > 0 ? max_bytes : 0), max_entries_(max_entries) {}

  Tensor find(const std::string& digest);  // empty when it is not there
  bool contains(const std::string& digest) const { return by_digest_.contains(digest); }
  void insert(const std::string& digest, const Tensor& embeddings);
  std::size_t bytes() const { return bytes_; }
  std::size_t entries() const { return entries_.size(); }
  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }

 private:
  struct Entry {
    std::string digest;
    Tensor embeddings;
    std::size_t bytes = 0;
  };

  std::size_t max_bytes_, max_entries_, bytes_ = 0;
  std::uint64_t hits_ = 0, misses_ = 0;
  std::list<Entry> entries_;  // latest use first
  std::unordered_map<std::string, std::list<Entry>::iterator> by_digest_;
};

}  // namespace oc
