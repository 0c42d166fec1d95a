#include "runtime/serving/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/log.h"
#include "text/json_field.h"

namespace oc {

Session::Session(const Model& model, const GenerateRequest& request, const GenerateHooks& hooks,
                 SessionCaches caches)
    : model_(model),
      request_(request),
      hooks_(hooks),
      caches_(caches),
      sampler_(request.sampling, model.info().unnamed_ids),
      on_text_([this](std::string_view text) { shown(text); }),
      answer_(model.tokenizer(), request.stop, on_text_) {
  result_.seed = sampler_.seed();
}

Result<void> Session::prepare() {
  const Stopwatch watch;
  for (const RequestImage& picture : request_.images) {
    OC_ASSIGN_OR_RETURN(
        ImagePlan plan,
        model_.plan_image(picture.image->width, picture.image->height, picture.num_crops));
    result_.image_tokens += plan.tokens;
    OC_CHECK(!picture.pixels.empty() || !caches_.any(),
             "a picture without its digest cannot be looked up");
    digests_.push_back(picture_key(picture.pixels, plan, request_.cache_scope));
    images_.push_back(plan);
  }
  result_.images = images_;
  OC_ASSIGN_OR_RETURN(Prompt prompt, model_.build_prompt(request_.messages, images_,
                                                         {.keep_order = request_.keep_order,
                                                          .room = context() - 1}));
  if (prompt.too_many > 0) return too_long(prompt.too_many, true);
  ids_ = std::move(prompt.ids);
  result_.prompt_tokens = std::ssize(ids_);
  for (std::int64_t i = 0; i < std::ssize(ids_); ++i)
    if (ids_[static_cast<std::size_t>(i)] < 0) last_image_position_ = i;
  regime_ = model_.rope_regime(result_.prompt_tokens);
  kv_given_ = own_blocks(result_.prompt_tokens, true);
  OC_RETURN_IF_ERROR(limit_answer(result_.prompt_tokens));
  log::step("prompt", request_.id, "tokens", result_.prompt_tokens, "image_tokens",
            result_.image_tokens, "most_answer", max_answer_, "ms", watch.ms());
  return request_.json_schema ? prepare_grammar() : Result<void>();
}

Result<void> Session::prepare_grammar() {
  const Stopwatch watch;
  std::optional<GrammarCache> own;  // of a session without others
  GrammarCache* cache = caches_.grammars;
  if (cache == nullptr)
    cache = &own.emplace(
        GrammarVocabulary{model_.tokenizer(), model_.info().vocab_size, model_.info().stop_ids});
  auto grammar = cache->find(request_.cache_scope, *request_.json_schema);
  if (grammar == nullptr && caches_.compiles_later) return {};
  if (grammar == nullptr) {
    OC_ASSIGN_OR_RETURN(grammar, cache->get(request_.cache_scope, *request_.json_schema));
  }
  use(*grammar);
  log::step("grammar", request_.id, "ms", watch.ms());
  return {};
}

Result<void> Session::preprocess(
    const std::function<bool(const std::string&, std::size_t)>& wanted) {
  preprocessed_.resize(images_.size());
  stored_.resize(images_.size());
  for (std::size_t i = 0; i < images_.size(); ++i) {
    OC_RETURN_IF_ERROR(interrupted());
    const auto rows = static_cast<std::size_t>(images_[i].tokens * model_.info().width);
    const std::size_t stored = caches_.stored != nullptr ? rows * sizeof(float) : 0;
    if (!wanted(digests_[i], std::max(model_.image_bytes(images_[i]), stored))) continue;
    const Stopwatch watch;
    if (!read_stored(i)) {
      OC_ASSIGN_OR_RETURN(preprocessed_[i], begin_picture(i));
    }
    result_.timings.preprocess_ms += watch.ms();
  }
  return {};
}

Result<std::unique_ptr<ImageEncoding>> Session::begin_picture(std::size_t picture) const {
  const Image& image = *request_.images[picture].image;
  const ImagePlan& plan = images_[picture];
  const Stopwatch watch;
  OC_ASSIGN_OR_RETURN(
      std::unique_ptr<ImageEncoding> begun,
      model_.begin_image(image, plan, nullptr, {hooks_.cancelled, request_.deadline}));
  const double resize_ms = begun->resize_ms();
  log::step("resize", request_.id, "picture", picture, "width", image.width, "height", image.height,
            "to_width", plan.canvas_width, "to_height", plan.canvas_height, "ms", resize_ms);
  log::step("tiles", request_.id, "picture", picture, "crops", plan.crops_h * plan.crops_w,
            "image_tokens", plan.tokens, "ms", watch.ms() - resize_ms);
  return begun;
}

bool Session::read_stored(std::size_t picture) {
  if (caches_.stored == nullptr) return false;
  stored_[picture] = caches_.stored->find(stored_image_key(caches_.computed_by, digests_[picture]),
                                          images_[picture].tokens, model_.info().width);
  log::step("disk cache", request_.id, "picture", picture, "hit", stored_[picture].has_value());
  return stored_[picture].has_value();
}

// Of the picture in memory, or of what preprocess() read; empty: it has to be encoded.
Tensor Session::known_picture(std::size_t picture) {
  if (caches_.pictures != nullptr) {
    Tensor known = caches_.pictures->find(digests_[picture]);
    log::step("picture cache", request_.id, "picture", picture, "hit", !known.empty());
    if (!known.empty()) return known;
  }
  if (picture >= stored_.size() || !stored_[picture]) return {};
  const ImageRows& rows = *stored_[picture];
  Tensor known = model_.engine().upload(rows.values, rows.rows, rows.cols);
  stored_[picture].reset();
  if (caches_.pictures != nullptr) caches_.pictures->insert(digests_[picture], known);
  return known;
}

// For the next request, and on disk for the next start: here it is only copied.
void Session::keep_picture(std::size_t picture, const Tensor& rows) {
  if (caches_.pictures != nullptr) caches_.pictures->insert(digests_[picture], rows);
  const auto values = static_cast<std::size_t>(rows.rows() * rows.cols());
  if (caches_.stored == nullptr || !caches_.stored->accepts(values * sizeof(float))) return;
  ImageRows copy{rows.rows(), rows.cols(), std::vector<float>(values)};
  model_.engine().read(rows, copy.values);
  caches_.stored->insert(stored_image_key(caches_.computed_by, digests_[picture]), std::move(copy));
}

void Session::start() {
  // The last token is always computed: its logits are wanted.
  if (caches_.prefixes != nullptr)
    kv_ = caches_.prefixes->find(prefix_key(), result_.prompt_tokens - 1);
  if (kv_ != nullptr)
    result_.cached_tokens = kv_->length();
  else
    kv_ = model_.make_sequence();
  if (caches_.prefixes != nullptr)
    log::step("prefix cache", request_.id, "hit", result_.cached_tokens > 0, "tokens",
              result_.cached_tokens, "of", result_.prompt_tokens);
}

PrefixKey Session::prefix_key() const {
  PrefixKey key{request_.cache_scope, ids_, digests_, {}, regime_};
  for (const ImagePlan& plan : images_) key.rows.push_back(plan.tokens);
  return key;
}

// Of this request: prompt and answer.
std::int64_t Session::context() const {
  const std::int64_t own = model_.info().context_length;
  return std::min(own, request_.max_sequence.value_or(own));
}

Error Session::too_long(std::int64_t prompt_tokens, bool at_least) const {
  const std::string pictures =
      images_.empty() ? ""
                      : fmt::format(", {} of them for {} picture{}", result_.image_tokens,
                                    images_.size(), images_.size() == 1 ? "" : "s");
  return {ErrorCode::kContextLength,
          fmt::format("the prompt has {}{} tokens{}; {} {}, answer included",
                      at_least ? "at least " : "", prompt_tokens, pictures,
                      context() < model_.info().context_length ? "this server allows"
                                                               : "the model's context holds",
                      context()),
          images_.empty() ? "shorten the text or leave out earlier turns"
                          : "use fewer pictures, a smaller num_crops (1 is the least), or "
                            "leave out earlier turns",
          "messages"};
}

Result<void> Session::limit_answer(std::int64_t prompt_tokens) {
  for (const std::string& choice : request_.choices) {
    choice_ids_.push_back(model_.tokenizer()->encode(choice, false));
    max_answer_ = std::max<std::int64_t>(max_answer_, std::ssize(choice_ids_.back()) + 1);
  }
  if (prompt_tokens + std::max<std::int64_t>(max_answer_, 1) > context())
    return too_long(prompt_tokens, false);
  if (!request_.choices.empty()) return {};
  max_answer_ = context() - prompt_tokens;
  if (request_.max_tokens) max_answer_ = std::min<std::int64_t>(max_answer_, *request_.max_tokens);
  return {};
}

// Only what the cache does not hold needs them.
bool Session::needs_pictures() const {
  return image_rows_.empty() && kv_->length() <= last_image_position_;
}

Result<void> Session::encode_step() {
  const std::size_t picture = embeds_.size();
  Stopwatch watch;
  if (encoding_ == nullptr) {
    Tensor known = known_picture(picture);
    if (picture < preprocessed_.size()) encoding_ = std::move(preprocessed_[picture]);
    if (!known.empty()) {
      encoding_.reset();
    } else if (encoding_ == nullptr) {
      OC_ASSIGN_OR_RETURN(encoding_, begin_picture(picture));
      result_.timings.preprocess_ms += watch.ms();
      return {};
    }
    if (!known.empty()) embeds_.push_back(std::move(known));
  }
  if (encoding_ != nullptr) {
    if (!encoding_->done()) encoding_->step();
    OC_RETURN_IF_ERROR(model_.intact());
    result_.timings.encode_ms += watch.ms();
    log::step("tower", request_.id, "picture", picture, "done", encoding_->done(), "ms",
              watch.ms());
    if (!encoding_->done()) return {};
    embeds_.push_back(encoding_->result());
    encoding_.reset();
    keep_picture(picture, embeds_.back());
  }
  if (embeds_.size() == images_.size()) {
    image_rows_ = model_.join_images(embeds_);
    embeds_.clear();
  }
  return {};
}

std::int64_t Session::piece(std::int64_t most) const {
  // Attention costs as much as all the rest behind some 3,000 keys (measured).
  constexpr std::int64_t kAsMuch = 3000, kLeast = 8;
  const std::int64_t fair = most * 2 * kAsMuch / (kAsMuch + std::max(kv_->length(), kAsMuch));
  return std::clamp(fair / kLeast * kLeast, std::min(kLeast, most), most);
}

StepInput Session::next(std::int64_t most_tokens_of_step) {
  if (result_.completion_tokens == 0 && !prefilling_) {
    prefilling_ = true;
    since_prefill_.restart();
  }
  step_.clear();
  if (scoring()) return next_to_score(most_tokens_of_step);
  if (answering() && request_.draft_tokens > 0 && request_.sampling.temperature == 0) {
    guess();
    if (step_.size() > 1)
      return {.kv = kv_.get(), .ids = step_, .regime = regime_, .logit_rows = step_rows_};
    step_.clear();
  }
  const std::int64_t count = std::min(pending(), most_tokens_of_step);
  return {.kv = kv_.get(),
          .ids = std::span(ids_).subspan(static_cast<std::size_t>(kv_->length()),
                                         static_cast<std::size_t>(count)),
          .image_rows = image_rows_.empty() ? nullptr : &image_rows_,
          .regime = regime_};
}

std::int64_t Session::most_drafts() const {
  return std::min<std::int64_t>(request_.draft_tokens, max_answer_ - result_.completion_tokens - 1);
}

// Prompt lookup: what stood behind the latest earlier place of the last three (or two) tokens.
void Session::guess() {
  const std::int64_t total = std::ssize(ids_);
  step_.push_back(ids_.back());
  std::int64_t most = most_drafts();
  while (most > 0 && model_.rope_regime(total + most) != regime_) --most;
  for (std::int64_t length = std::min<std::int64_t>(3, total - 1); length >= 2 && most > 0;
       --length)
    for (std::int64_t end = total - 1; end >= length; --end) {
      if (!std::equal(ids_.end() - length, ids_.end(), ids_.begin() + end - length)) continue;
      for (std::int64_t i = end; i < std::min(end + most, total); ++i) {
        const TokenId id = ids_[static_cast<std::size_t>(i)];
        if (id < 0) break;  // a picture's
        step_.push_back(id);
      }
      most = 0;
      break;
    }
  step_rows_.resize(step_.size());
  std::iota(step_rows_.begin(), step_rows_.end(), std::int64_t{0});
}

Result<void> Session::accept_guesses(std::span<const float> logits) {
  const std::size_t width = logits.size() / step_.size();
  result_.drafted_tokens += std::ssize(step_) - 1;
  for (std::size_t i = 0; i < step_.size(); ++i) {
    OC_RETURN_IF_ERROR(take_token(logits.subspan(i * width, width)));
    if (done_ || kv_->length() == 0) break;  // ended, or in another rope regime
    if (i + 1 == step_.size() || ids_.back() != step_[i + 1]) break;
    ++result_.accepted_tokens;
  }
  // Keys of wrong guesses; the last token is still to be computed.
  kv_->truncate(std::min<std::int64_t>(kv_->length(), std::ssize(ids_) - (done_ ? 0 : 1)));
  return {};
}

Result<void> Session::accept(std::span<const float> logits) {
  if (scoring()) return accept_scores(logits);
  if (!step_.empty()) return accept_guesses(logits);
  if (prefilling_)
    log::step("prefill", request_.id, "tokens", kv_->length(), "of", std::ssize(ids_), "ms",
              since_prefill_.ms());
  if (pending() > 0) return {};
  if (prefilling_) {
    prefilling_ = false;
    result_.timings.prefill_ms = since_prefill_.ms();
    // Another request about the same picture need not wait for this answer's end.
    if (caches_.prefixes != nullptr && !images_.empty())
      caches_.prefixes->insert(prefix_key(), kv_->fork(kv_->length()));
    OC_RETURN_IF_ERROR(branch(logits));
    if (!request_.choices.empty()) return {};
    OC_RETURN_IF_ERROR(take_token(logits));
    hand_on_last_block();
    return {};
  }
  return take_token(logits);
}

Result<void> Session::take_token(std::span<const float> logits) {
  const std::vector<TokenId>& stop_ids = model_.info().stop_ids;
  OC_ASSIGN_OR_RETURN(const TokenId id,
                      sampler_.sample(logits, ids_, static_cast<std::size_t>(result_.prompt_tokens),
                                      matcher_ != nullptr ? matcher_->allowed()
                                                          : std::span<const std::uint32_t>()));
  if (++result_.completion_tokens == 1) result_.timings.ttft_ms = since_start_.ms();
  log::step("token", request_.id, "choice", choice_, "n", result_.completion_tokens, "at_ms",
            since_start_.ms());
  if (std::find(stop_ids.begin(), stop_ids.end(), id) != stop_ids.end()) {
    result_.stop_token = id;
    end(StopCause::kStopToken);
    return {};
  }
  if (matcher_ != nullptr) matcher_->accept(id);
  result_.ids.push_back(id);
  ids_.push_back(id);
  if (request_.logprobs) result_.logprobs.push_back(describe(id, logits));
  answer_memory_ += memory_of_token(request_.logprobs ? &result_.logprobs.back() : nullptr);
  answer_.push(id);
  if (answer_.stopped()) {
    end(StopCause::kStopString);
  } else if (result_.completion_tokens == max_answer_) {
    const bool asked = request_.max_tokens && *request_.max_tokens == max_answer_;
    end(asked ? StopCause::kMaxTokens : StopCause::kContextFull);
  } else {
    follow_regime();
  }
  return {};
}

// Where the sequence has grown into another rope regime, the cached keys are rotated wrongly:
// everything is computed again (the reference: prepare_inputs_for_generation drops
// past_key_values).
void Session::follow_regime() {
  const int regime = model_.rope_regime(std::ssize(ids_));
  if (regime == regime_) return;
  kv_->truncate(0);
  regime_ = regime;
}

void Session::retire() {
  if (caches_.prefixes == nullptr || kv_ == nullptr || kv_->length() == 0) return;
  log::step("prefix cache", request_.id, "kept", kv_->length());
  PrefixKey key = prefix_key();
  caches_.prefixes->insert(std::move(key), std::move(kv_));
}

void Session::end(StopCause cause) {
  done_ = true;
  answer_.finish();
  if (answer_.stopped()) {  // perhaps only now, in what was held back
    cause = StopCause::kStopString;
    result_.stop_token = std::nullopt;
  }
  result_.stop_cause = cause;
  result_.finish_reason = cause == StopCause::kMaxTokens || cause == StopCause::kContextFull
                              ? FinishReason::kLength
                              : FinishReason::kStop;
  result_.stop_string = answer_.stop_string();
  if (result_.stop_string)
    result_.logprobs.resize(tokens_shown_);  // the others' text is not shown
  else if (tokens_shown_ < result_.logprobs.size())
    shown("", true);
  result_.text = answer_.text();
  result_.warning = empty_warning();
  Timings& t = result_.timings;
  t.total_ms = since_start_.ms();
  t.decode_ms = t.total_ms - t.ttft_ms;
  if (result_.completion_tokens > 1 && t.decode_ms > 0)
    t.decode_tokens_per_second =
        static_cast<double>(result_.completion_tokens - 1) * 1000 / t.decode_ms;
}

std::optional<std::string> Session::empty_warning() const {
  if (!result_.text.empty()) return std::nullopt;
  const auto name = [this](TokenId id) {
    return fmt::format("{} ({})", model_.tokenizer()->token(id).value_or("without a name"), id);
  };
  if (result_.stop_string)
    return fmt::format("the answer is empty: it began with the stop string {}",
                       oc::excerpt(*result_.stop_string));
  if (result_.ids.empty())
    return fmt::format("the answer is empty: the model's first token was the stop token {}",
                       name(*result_.stop_token));
  return fmt::format(
      "the answer is empty: the {} token{} that the model produced, {} first, {} no text",
      result_.ids.size(), result_.ids.size() == 1 ? "" : "s", name(result_.ids.front()),
      result_.ids.size() == 1 ? "has" : "have");
}

std::string_view Session::phase() const {
  if (kv_ == nullptr) return "preparation";
  if (needs_pictures()) return encoding_ == nullptr ? "preprocessing" : "encoding";
  return result_.completion_tokens == 0 ? "prefill" : "decoding";
}

Result<void> Session::interrupted() const {
  if (hooks_.cancelled && hooks_.cancelled())
    return Error{ErrorCode::kCancelled,
                 fmt::format("the request was cancelled during {}", phase())};
  if (request_.deadline && std::chrono::steady_clock::now() >= *request_.deadline)
    return Error{ErrorCode::kDeadline,
                 fmt::format("out of time during {}, after {} answer token{}", phase(),
                             result_.completion_tokens, result_.completion_tokens == 1 ? "" : "s"),
                 "allow more time (--time-limit), or use fewer crops and a smaller max_tokens"};
  return {};
}

}  // namespace oc
