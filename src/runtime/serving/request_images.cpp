#include "runtime/serving/request_images.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace oc {

Result<void> RequestImages::plan() {
  OC_ASSIGN_OR_RETURN(plans_, plan_images(context_.model, context_.request));
  for (std::size_t i = 0; i < plans_.size(); ++i) {
    const std::string& pixels = context_.request.images[i].pixels;
    tokens_ += plans_[i].tokens;
    OC_CHECK(!pixels.empty() || !context_.caches.any(),
             "a picture without its digest cannot be looked up");
    keys_.push_back(image_key(pixels, plans_[i], context_.request.cache_scope));
  }
  preprocessed_.resize(plans_.size());
  stored_.resize(plans_.size());
  shown_.assign(plans_.size(), true);
  return {};
}

void RequestImages::show_only(std::span<const TokenId> ids) {
  std::int64_t row = 0;  // the picture's first
  for (std::size_t i = 0; i < plans_.size(); ++i) {
    const std::int64_t end = row + plans_[i].tokens;
    shown_[i] = std::ranges::any_of(
        ids, [&](TokenId id) { return id < 0 && -1 - id >= row && -1 - id < end; });
    if (!shown_[i]) tokens_ -= plans_[i].tokens;
    row = end;
  }
}

Result<void> RequestImages::preprocess(std::size_t picture, const Wanted& wanted) {
  const ImagePlan& plan = plans_[picture];
  if (!shown_[picture]) return {};
  const auto values = static_cast<std::size_t>(plan.tokens * context_.model.info().width);
  const std::size_t stored = context_.caches.stored != nullptr ? values * sizeof(float) : 0;
  if (!wanted(keys_[picture], std::max(plan.bytes, stored))) return {};
  const Stopwatch watch;
  if (!read_stored(picture)) {
    OC_ASSIGN_OR_RETURN(preprocessed_[picture], begin(picture));
  }
  preprocess_ms_ += watch.ms();
  return {};
}

Result<std::unique_ptr<ImageEncoding>> RequestImages::begin(std::size_t picture) const {
  const GenerateRequest& request = context_.request;
  const Image& image = *request.images[picture].image;
  const ImagePlan& plan = plans_[picture];
  const Stopwatch watch;
  OC_ASSIGN_OR_RETURN(std::unique_ptr<ImageEncoding> begun,
                      context_.model.begin_image(image, plan, nullptr,
                                                 {context_.hooks.cancelled, request.deadline}));
  const double resize_ms = begun->resize_ms();
  log::step("resize", request.id, "picture", picture, "width", image.width, "height", image.height,
            "plan", plan.family, "ms", resize_ms);
  log::step("tiles", request.id, "picture", picture, "views", plan.views, "image_tokens",
            plan.tokens, "ms", watch.ms() - resize_ms);
  return begun;
}

bool RequestImages::read_stored(std::size_t picture) {
  const RequestCaches& caches = context_.caches;
  if (caches.stored == nullptr) return false;
  stored_[picture] = caches.stored->find(stored_image_key(caches.computed_by, keys_[picture]),
                                         plans_[picture].tokens, context_.model.info().width);
  log::step("disk cache", context_.request.id, "picture", picture, "hit",
            stored_[picture].has_value());
  return stored_[picture].has_value();
}

// Of the picture in memory, or of what preprocess() read; empty: it has to be encoded.
Tensor RequestImages::find_known(std::size_t picture) {
  ImageCache* const cache = context_.caches.pictures;
  if (cache != nullptr) {
    Tensor known = cache->find(keys_[picture]);
    log::step("picture cache", context_.request.id, "picture", picture, "hit", !known.empty());
    if (!known.empty()) return known;
  }
  if (!stored_[picture]) return {};
  const ImageRows& rows = *stored_[picture];
  Tensor known = context_.model.engine().upload(rows.values, rows.rows, rows.cols);
  stored_[picture].reset();
  if (cache != nullptr) cache->insert(keys_[picture], known);
  return known;
}

// For the next request, and on disk for the next start: here it is only copied.
void RequestImages::keep(std::size_t picture, const Tensor& rows) {
  const RequestCaches& caches = context_.caches;
  if (caches.pictures != nullptr) caches.pictures->insert(keys_[picture], rows);
  const auto values = static_cast<std::size_t>(rows.rows() * rows.cols());
  if (caches.stored == nullptr || !caches.stored->accepts(values * sizeof(float))) return;
  ImageRows copy{rows.rows(), rows.cols(), std::vector<float>(values)};
  context_.model.engine().read(rows, copy.values);
  caches.stored->insert(stored_image_key(caches.computed_by, keys_[picture]), std::move(copy));
}

std::int64_t RequestImages::views() const {
  std::int64_t all = 0;
  for (std::size_t i = 0; i < plans_.size(); ++i) all += views_of(i);
  return all;
}

std::int64_t RequestImages::views_done() const {
  if (joined()) return views();
  std::int64_t done = 0;
  for (std::size_t i = 0; i < embeds_.size(); ++i) done += views_of(i);
  return done + (encoding_ != nullptr ? std::min(steps_, plans_[embeds_.size()].views) : 0);
}

Result<void> RequestImages::encode_step() {
  const std::size_t picture = embeds_.size();
  const Stopwatch watch;
  if (!shown_[picture]) {  // rows that nothing reads, so that the others keep their numbers
    const std::int64_t rows = plans_[picture].tokens, width = context_.model.info().width;
    embeds_.push_back(context_.model.engine().upload(
        std::vector<float>(static_cast<std::size_t>(rows * width)), rows, width));
  } else if (encoding_ == nullptr) {
    Tensor known = find_known(picture);
    encoding_ = std::move(preprocessed_[picture]);
    if (!known.empty()) {
      encoding_.reset();
      embeds_.push_back(std::move(known));
    } else if (encoding_ == nullptr) {
      OC_ASSIGN_OR_RETURN(encoding_, begin(picture));
      preprocess_ms_ += watch.ms();
      return {};
    }
  }
  if (encoding_ != nullptr) {
    if (!encoding_->done()) {
      encoding_->step();
      ++steps_;
      ++views_encoded_;
    }
    OC_RETURN_IF_ERROR(context_.model.intact());
    encode_ms_ += watch.ms();
    log::step("tower", context_.request.id, "picture", picture, "done", encoding_->done(), "ms",
              watch.ms());
    if (!encoding_->done()) return {};
    embeds_.push_back(encoding_->result());
    encoding_.reset();
    steps_ = 0;
    keep(picture, embeds_.back());
  }
  if (embeds_.size() == plans_.size()) {
    rows_ = context_.model.join_images(embeds_);
    embeds_.clear();
  }
  return {};
}

}  // namespace oc
