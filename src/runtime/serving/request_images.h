// The pictures of one request, on their way from pixels to rows of embeddings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/serving/request_context.h"

namespace oc {

// plan() and preprocess() run on any thread, before all else; encode_step() on the engine's.
class RequestImages {
 public:
  explicit RequestImages(const RequestContext& context) : context_(context) {}

  // How each will be shown. Errors: whatever is wrong with one for this model.
  Result<void> plan();
  std::size_t count() const { return plans_.size(); }
  const std::vector<ImagePlan>& plans() const { return plans_; }
  // Under which they are cached: of pixels, plan and scope.
  const std::vector<std::string>& keys() const { return keys_; }
  std::int64_t tokens() const { return tokens_; }  // positions that they take in the prompt
  // Those that a prompt of `ids` has no position of are not encoded.
  void show_only(std::span<const TokenId> ids);

  // Says whether a picture is to be preprocessed, given its key and the bytes that this will take.
  using Wanted = std::function<bool(const std::string&, std::size_t)>;
  // Reads the picture from disk if it is there and wanted; else resizes, cuts and normalises it.
  // encode_step() does those that were not wanted. Not for one that is not shown.
  Result<void> preprocess(std::size_t picture, const Wanted& wanted);

  Result<void> encode_step();  // one view of one picture; until joined()
  bool encoding() const { return encoding_ != nullptr; }
  bool joined() const { return !rows_.empty(); }
  const Tensor& rows() const { return rows_; }  // [tokens(), D], of all pictures; when joined()

  // Of all pictures that are shown; done: those that caches had included.
  std::int64_t views() const;
  std::int64_t views_of(std::size_t picture) const {
    return shown_[picture] ? plans_[picture].views : 0;
  }
  std::int64_t views_done() const;
  std::int64_t views_encoded() const { return views_encoded_; }  // of these, by the tower

  double preprocess_ms() const { return preprocess_ms_; }
  double encode_ms() const { return encode_ms_; }

 private:
  bool read_stored(std::size_t picture);
  Result<std::unique_ptr<ImageEncoding>> begin(std::size_t picture) const;
  Tensor find_known(std::size_t picture);
  void keep(std::size_t picture, const Tensor& rows);

  const RequestContext& context_;
  std::vector<ImagePlan> plans_;
  std::vector<std::string> keys_;
  std::int64_t tokens_ = 0;
  std::vector<bool> shown_;                                   // of each picture
  std::vector<std::unique_ptr<ImageEncoding>> preprocessed_;  // of each picture, or null
  std::vector<std::optional<ImageRows>> stored_;              // of each picture, from the disk
  std::unique_ptr<ImageEncoding> encoding_;                   // of the one after embeds_
  std::vector<Tensor> embeds_;                                // of those encoded so far
  int steps_ = 0;                                             // of encoding_
  std::int64_t views_encoded_ = 0;
  Tensor rows_;
  double preprocess_ms_ = 0, encode_ms_ = 0;
};

}  // namespace oc
