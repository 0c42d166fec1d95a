#include "runtime/image_cache.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "base/check.h"

namespace oc {

std::string picture_digest(const Image& image, const ImagePlan& plan, const std::string& owner) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  const std::array<std::int64_t, 8> head = {
      image.width,    image.height,
      plan.num_crops, plan.crops_w,
      plan.crops_h,   plan.transposed ? 1 : 0,
      plan.tokens,    static_cast<std::int64_t>(owner.size())};
  OC_CHECK(context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1 &&
               EVP_DigestUpdate(context.get(), head.data(), sizeof head) == 1 &&
               EVP_DigestUpdate(context.get(), owner.data(), owner.size()) == 1 &&
               EVP_DigestUpdate(context.get(), image.rgb.data(), image.rgb.size()) == 1 &&
               EVP_DigestFinal_ex(context.get(), digest.data(), &length) == 1,
           "SHA-256");
  return {reinterpret_cast<const char*>(digest.data()), length};
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
  if (bytes > max_bytes_ || by_digest_.contains(digest)) return;
  while (bytes_ + bytes > max_bytes_) {
    bytes_ -= entries_.back().bytes;
    by_digest_.erase(entries_.back().digest);
    entries_.pop_back();
  }
  entries_.push_front({digest, embeddings, bytes});
  by_digest_[digest] = entries_.begin();
  bytes_ += bytes;
}

}  // namespace oc
