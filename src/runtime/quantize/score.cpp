#include "runtime/quantize/score.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/decode/sampler.h"
#include "runtime/decode/softmax.h"
#include "runtime/prefill_chunk.h"

namespace oc {
namespace {

class Follower {
 public:
  Follower(const Model& model, const std::function<bool()>& cancelled,
           const std::function<void(std::span<const float>)>& on_logits)
      : model_(model),
        cancelled_(cancelled),
        on_logits_(on_logits),
        sampler_({}, model.info().banned_ids),
        logits_(static_cast<std::size_t>(model.info().vocab_size)) {}

  Result<AnswerPath> run(const ScoreQuestion& question, int max_tokens,
                         std::span<const TokenId> forced) {
    OC_RETURN_IF_ERROR(prompt(question));
    const std::size_t max_ids =
        forced.empty() ? static_cast<std::size_t>(max_tokens) : forced.size();
    const std::int64_t context = model_.info().context_length;
    if (std::ssize(ids_) + std::ssize(forced) + 1 > context)
      return Error{ErrorCode::kContextLength,
                   fmt::format("{}: the prompt has {} tokens, the model's context holds {}",
                               question.name, ids_.size(), context),
                   "shorten the question"};
    kv_ = model_.make_sequence();
    AnswerPath path;
    while (path.ids.size() < max_ids && std::ssize(ids_) < context) {
      OC_RETURN_IF_ERROR(step());
      if (on_logits_) on_logits_(logits_);
      OC_ASSIGN_OR_RETURN(const TokenId first, sampler_.sample(logits_, ids_));
      const TokenId taken = forced.empty() ? first : forced[path.ids.size()];
      path.first.push_back(first);
      path.ids.push_back(taken);
      path.logprob += logits_[static_cast<std::size_t>(taken)] - log_sum_exp(logits_);
      ids_.push_back(taken);
      if (std::ranges::find(model_.info().stop_ids, taken) != model_.info().stop_ids.end()) break;
    }
    return path;
  }

 private:
  Result<void> interrupted() const {
    if (cancelled_ && cancelled_())
      return Error{ErrorCode::kCancelled, "interrupted", "the same command scores again"};
    return {};
  }

  Result<void> prompt(const ScoreQuestion& question) {
    Message turn{Role::kUser, {TextPart{question.text}}};
    std::vector<ImagePlan> plans;
    if (question.image != nullptr) {
      turn.parts.emplace(turn.parts.begin(), ImagePart{0});
      OC_ASSIGN_OR_RETURN(
          plans.emplace_back(),
          model_.plan_image(question.image->width, question.image->height, question.options));
    }
    OC_ASSIGN_OR_RETURN(Prompt prompt, model_.build_prompt(std::span(&turn, 1), plans, {}));
    ids_ = std::move(prompt.ids);
    blocks_ = std::move(prompt.blocks);
    if (question.image == nullptr) return {};
    OC_ASSIGN_OR_RETURN(const std::unique_ptr<ImageEncoding> encoding,
                        model_.begin_image(*question.image, plans.front(), nullptr));
    while (!encoding->done()) {
      OC_RETURN_IF_ERROR(interrupted());
      encoding->step();
    }
    OC_RETURN_IF_ERROR(model_.intact());
    image_rows_ = encoding->result();
    return {};
  }

  // What is not in the cache yet, and the logits of the last token. A cache of another position
  // regime is of no use.
  Result<void> step() {
    const int regime = model_.position_regime(std::ssize(ids_));
    if (regime != regime_) kv_->truncate(0);
    regime_ = regime;
    while (kv_->length() < std::ssize(ids_)) {
      OC_RETURN_IF_ERROR(interrupted());
      const std::int64_t from = kv_->length();
      const std::int64_t count = end_of_step(blocks_, from, kPrefillChunk, std::ssize(ids_)) - from;
      const StepInput input{.kv = kv_.get(),
                            .ids = std::span(ids_).subspan(static_cast<std::size_t>(from),
                                                           static_cast<std::size_t>(count)),
                            .image_rows = image_rows_.empty() ? nullptr : &image_rows_,
                            .regime = regime,
                            .blocks = blocks_};
      const Tensor logits = model_.forward(std::span(&input, 1), nullptr);
      if (from + count == std::ssize(ids_)) model_.engine().read(logits, logits_);
      OC_RETURN_IF_ERROR(model_.intact());
    }
    return {};
  }

  const Model& model_;
  const std::function<bool()>& cancelled_;
  const std::function<void(std::span<const float>)>& on_logits_;
  Sampler sampler_;
  std::vector<float> logits_;  // [V]
  std::vector<TokenId> ids_;   // prompt and answer so far
  std::vector<TokenRange> blocks_;
  Tensor image_rows_;  // [image tokens, D]
  std::unique_ptr<KvSequence> kv_;
  int regime_ = 0;
};

}  // namespace

Result<AnswerPath> follow(const Model& model, const ScoreQuestion& question, int max_tokens,
                          std::span<const TokenId> forced, const std::function<bool()>& cancelled,
                          const std::function<void(std::span<const float>)>& on_logits) {
  return Follower(model, cancelled, on_logits).run(question, max_tokens, forced);
}

ImageScore score(const ScoreQuestion& question, const Tokenizer& tokenizer, const AnswerPath& input,
                 const AnswerPath& output) {
  OC_CHECK(input.ids == output.ids && output.first.size() == output.ids.size(),
           "{}: {} tokens against {}", question.name, input.ids.size(), output.ids.size());
  ImageScore out{.picture = question.name, .tokens = input.ids.size()};
  out.input_logprob = input.logprob;
  out.output_logprob = output.logprob;
  for (std::size_t i = 0; i < input.ids.size(); ++i)
    out.agreed += output.first[i] == input.ids[i] ? 1 : 0;
  out.answer = tokenizer.decode(input.ids, true);
  return out;
}

}  // namespace oc
