#include "runtime/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/json_field.h"

namespace oc {

Session::Session(const Model& model, const GenerateRequest& request, const GenerateHooks& hooks)
    : model_(model),
      request_(request),
      hooks_(hooks),
      sampler_(request.sampling, ids_without_token(*model.tokenizer(), model.info().vocab_size)),
      answer_(model.tokenizer(), request.stop, hooks.on_text) {
  result_.seed = sampler_.seed();
}

Result<void> Session::plan() {
  for (const RequestImage& picture : request_.images) {
    OC_ASSIGN_OR_RETURN(
        ImagePlan plan,
        model_.plan_image(picture.image->width, picture.image->height, picture.num_crops));
    result_.image_tokens += plan.tokens;
    images_.push_back(plan);
  }
  result_.images = images_;
  return {};
}

Result<void> Session::prompt() {
  OC_ASSIGN_OR_RETURN(Prompt prompt, model_.build_prompt(request_.messages, images_,
                                                         {.keep_order = request_.keep_order}));
  ids_ = std::move(prompt.ids);
  result_.prompt_tokens = static_cast<std::int64_t>(ids_.size());
  return limit_answer(result_.prompt_tokens);
}

Result<void> Session::limit_answer(std::int64_t prompt_tokens) {
  const std::int64_t context = model_.info().context_length;
  if (prompt_tokens + 1 > context) {
    const std::string pictures =
        images_.empty() ? ""
                        : fmt::format(", {} of them for {} picture{}", result_.image_tokens,
                                      images_.size(), images_.size() == 1 ? "" : "s");
    return Error{ErrorCode::kContextLength,
                 fmt::format("the prompt has {} tokens{}; the model's context holds {}, answer "
                             "included",
                             prompt_tokens, pictures, context),
                 images_.empty() ? "shorten the text or leave out earlier turns"
                                 : "use fewer pictures, a smaller num_crops (1 is the least), or "
                                   "leave out earlier turns",
                 "messages"};
  }
  max_answer_ = context - prompt_tokens;
  if (request_.max_tokens) max_answer_ = std::min<std::int64_t>(max_answer_, *request_.max_tokens);
  return {};
}

Result<void> Session::encode() {
  std::vector<Tensor> embeds;
  for (std::size_t i = 0; i < images_.size(); ++i) {
    OC_RETURN_IF_ERROR(interrupted("preprocessing"));
    Stopwatch watch;
    OC_ASSIGN_OR_RETURN(const std::unique_ptr<ImageEncoding> encoding,
                        model_.begin_image(*request_.images[i].image, images_[i], nullptr));
    result_.timings.preprocess_ms += watch.ms();
    watch.restart();
    while (!encoding->done()) {
      OC_RETURN_IF_ERROR(interrupted("encoding"));
      encoding->step();
    }
    embeds.push_back(encoding->result());
    result_.timings.encode_ms += watch.ms();
  }
  if (!embeds.empty()) image_rows_ = model_.join_images(embeds);
  return {};
}

Result<void> Session::prefill() {
  const Stopwatch watch;
  kv_ = model_.make_sequence();
  logits_.resize(static_cast<std::size_t>(model_.info().vocab_size));
  regime_ = model_.rope_regime(static_cast<std::int64_t>(ids_.size()));
  OC_RETURN_IF_ERROR(compute_pending("prefill"));
  result_.timings.prefill_ms = watch.ms();
  return {};
}

// Brings the cache up to all of ids_ and the logits after the last one into logits_. Where the
// sequence has grown into another rope regime, the cached keys are rotated wrongly: everything is
// computed again (the reference: prepare_inputs_for_generation drops past_key_values).
Result<void> Session::compute_pending(std::string_view phase) {
  const auto total = static_cast<std::int64_t>(ids_.size());
  if (const int regime = model_.rope_regime(total); regime != regime_) {
    kv_->truncate(0);
    regime_ = regime;
  }
  Tensor logits;  // [1, V]
  while (kv_->length() < total) {
    OC_RETURN_IF_ERROR(interrupted(phase));
    const std::int64_t first = kv_->length();
    const StepInput input{.kv = kv_.get(),
                          .ids = std::span(ids_).subspan(
                              static_cast<std::size_t>(first),
                              static_cast<std::size_t>(std::min(total - first, kPrefillChunk))),
                          .image_rows = image_rows_.empty() ? nullptr : &image_rows_,
                          .regime = regime_};
    logits = model_.forward({&input, 1}, nullptr);
    OC_CHECK(kv_->length() > first, "a step of {} tokens left the cache at {}", input.ids.size(),
             first);
  }
  model_.engine().read(logits, logits_);
  return {};
}

Result<void> Session::decode() {
  const std::vector<TokenId>& stop_ids = model_.info().stop_ids;
  for (;;) {
    OC_ASSIGN_OR_RETURN(const TokenId id, sampler_.sample(logits_, ids_));
    if (++result_.completion_tokens == 1) result_.timings.ttft_ms = since_start_.ms();
    if (std::find(stop_ids.begin(), stop_ids.end(), id) != stop_ids.end()) {
      result_.stop_token = id;
      end(StopCause::kStopToken);
      return {};
    }
    result_.ids.push_back(id);
    ids_.push_back(id);
    answer_.push(id);
    if (answer_.stopped()) {
      end(StopCause::kStopString);
      return {};
    }
    if (result_.completion_tokens == max_answer_) {
      const bool asked = request_.max_tokens && *request_.max_tokens == max_answer_;
      end(asked ? StopCause::kMaxTokens : StopCause::kContextFull);
      return {};
    }
    OC_RETURN_IF_ERROR(compute_pending("decoding"));
  }
}

void Session::end(StopCause cause) {
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

GenerateResult Session::take_result() { return std::move(result_); }

Result<void> Session::interrupted(std::string_view phase) const {
  if (hooks_.cancelled && hooks_.cancelled())
    return Error{ErrorCode::kCancelled, fmt::format("the request was cancelled during {}", phase)};
  if (request_.deadline && std::chrono::steady_clock::now() >= *request_.deadline)
    return Error{ErrorCode::kDeadline,
                 fmt::format("out of time during {}, after {} answer token{}", phase,
                             result_.completion_tokens, result_.completion_tokens == 1 ? "" : "s"),
                 "allow more time, or use fewer crops and a smaller max_tokens"};
  return {};
}

}  // namespace oc
