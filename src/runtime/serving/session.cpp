#include "runtime/serving/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ranges>
#include <utility>

#include "base/log.h"
#include "runtime/decode/softmax.h"
#include "runtime/serving/raw_prompt.h"

namespace oc {

Result<void> Session::prepare() {
  const Stopwatch watch;
  const GenerateRequest& request = context_.request;
  if (request.task) OC_RETURN_IF_ERROR(check_task(context_.model.info().tasks, *request.task));
  OC_RETURN_IF_ERROR(pictures_.plan());
  result_.images = pictures_.plans();
  OC_ASSIGN_OR_RETURN(
      Prompt prompt,
      request.raw_prompt
          ? build_raw_prompt(context_.model, *request.raw_prompt, context() - 1)
          : context_.model.build_prompt(request.messages, pictures_.plans(),
                                        {.keep_order = request.keep_order,
                                         .room = context() - 1,
                                         .task = request.task ? &*request.task : nullptr}));
  if (prompt.too_many > 0) return too_long(prompt.too_many, true);
  prompt_.tokens = result_.prompt_tokens = std::ssize(prompt.ids);
  for (std::int64_t i = 0; i < prompt_.tokens; ++i)
    if (prompt.ids[static_cast<std::size_t>(i)] < 0) prompt_.last_image_position = i;
  pictures_.show_only(prompt.ids);
  result_.image_tokens = pictures_.tokens();
  warning_ = std::move(prompt.warning);
  prompt_.regime = context_.model.position_regime(prompt_.tokens);
  check_blocks(prompt.blocks, prompt_.tokens);
  prompt_.blocks = std::move(prompt.blocks);
  OC_RETURN_IF_ERROR(limit_answer());
  sequences_.push_back(std::make_unique<Sequence>(context_, pictures_, prompt_,
                                                  std::move(prompt.ids), 0, request.sampling));
  sequences_.front()->give_kv(prompt_.kv_beyond(prompt_.tokens, true));
  log::step("prompt", request.id, "tokens", prompt_.tokens, "image_tokens", result_.image_tokens,
            "most_answer", prompt_.max_answer, "ms", watch.ms());
  return request.json_schema ? prepare_grammar() : Result<void>();
}

Result<void> Session::prepare_grammar() {
  const Stopwatch watch;
  const ModelInfo& info = context_.model.info();
  const std::string& scope = context_.request.cache_scope;
  const std::string& schema = *context_.request.json_schema;
  std::optional<GrammarCache> unshared;  // of a request without others
  GrammarCache* cache = context_.caches.grammars;
  if (cache == nullptr)
    cache = &unshared.emplace(
        GrammarVocabulary{context_.model.tokenizer(), info.vocab_size, info.stop_ids});
  auto grammar = cache->find(scope, schema);
  if (grammar == nullptr && context_.caches.compiles_later) return {};
  if (grammar == nullptr) {
    OC_ASSIGN_OR_RETURN(grammar, cache->get(scope, schema));
  }
  use(*grammar);
  log::step("grammar", context_.request.id, "ms", watch.ms());
  return {};
}

Result<void> Session::preprocess(const RequestImages::Wanted& wanted) {
  for (std::size_t i = 0; i < pictures_.count(); ++i) {
    tell(AnswerPhase::kPreparing, static_cast<std::int64_t>(i), std::ssize(pictures_.plans()));
    OC_RETURN_IF_ERROR(interrupted());
    OC_RETURN_IF_ERROR(pictures_.preprocess(i, wanted));
  }
  return {};
}

void Session::start() {
  Sequence& first = *sequences_.front();
  PrefixCache* const prefixes = context_.caches.prefixes;
  std::unique_ptr<KvSequence> kv;
  // The last token is always computed: its logits are wanted.
  if (prefixes != nullptr) kv = prefixes->find(prefix_key(first), prompt_.tokens - 1);
  if (kv != nullptr)
    result_.cached_tokens = kv->length();
  else
    kv = context_.model.make_sequence();
  first.start(std::move(kv));
  if (!first.needs_images()) tell_prefill();
  if (prefixes != nullptr)
    log::step("prefix cache", context_.request.id, "hit", result_.cached_tokens > 0, "tokens",
              result_.cached_tokens, "of", prompt_.tokens);
}

RequestPlan Session::plan() const {
  RequestPlan plan;
  for (const ImagePlan& image : pictures_.plans()) plan.images.push_back({image});
  plan.prompt_tokens = prompt_.tokens;
  plan.image_tokens = result_.image_tokens;
  plan.max_tokens = prompt_.max_answer;
  if (const PrefixCache* const prefixes = context_.caches.prefixes)
    plan.cached_tokens = prefixes->shared(prefix_key(*sequences_.front()), prompt_.tokens - 1);
  if (plan.cached_tokens <= prompt_.last_image_position) plan.views_left = pictures_.views();
  return plan;
}

PrefixKey Session::prefix_key(const Sequence& sequence) const {
  PrefixKey key{context_.request.cache_scope,
                {sequence.ids().begin(), sequence.ids().end()},
                pictures_.keys(),
                {},
                sequence.regime(),
                prompt_.blocks};
  for (const ImagePlan& plan : pictures_.plans()) key.rows.push_back(plan.tokens);
  return key;
}

// Of this request: prompt and answer.
std::int64_t Session::context() const {
  const std::int64_t length = context_.model.info().context_length;
  return std::min(length, context_.request.max_sequence.value_or(length));
}

Error Session::too_long(std::int64_t prompt_tokens, bool at_least) const {
  const std::size_t count = pictures_.count();
  std::string smaller;
  if (context_.request.may_set_knobs) smaller = smaller_knobs(context_.model.info().knobs);
  if (!smaller.empty()) smaller += ", ";
  const std::string pictures = count == 0
                                   ? ""
                                   : fmt::format(", {} of them for {} picture{}",
                                                 pictures_.tokens(), count, count == 1 ? "" : "s");
  const std::optional<Task>& task = context_.request.task;
  std::string hint = fmt::format("use fewer pictures, {}or leave out earlier turns", smaller);
  // Also where no picture would be few enough.
  if (count == 0 || prompt_tokens - pictures_.tokens() >= context())
    hint = "shorten the text or leave out earlier turns";
  if (task || context_.request.raw_prompt) hint = "shorten the text";
  const bool of_server = context() < context_.model.info().context_length;
  if (of_server) hint += ", or raise limits.max_sequence_length of the configuration";
  return {ErrorCode::kContextLength,
          fmt::format("the prompt has {}{} tokens{}; {} {}, answer included",
                      at_least ? "at least " : "", prompt_tokens, pictures,
                      of_server ? "this server allows" : "the model's context holds", context()),
          std::move(hint),
          context_.request.raw_prompt ? "prompt"
          : !task                     ? "messages"
          : finds_objects(*task)      ? "object"
                                      : "question"};
}

Result<void> Session::limit_answer() {
  const GenerateRequest& request = context_.request;
  for (const std::string& choice : request.choices) {
    choice_ids_.push_back(context_.model.tokenizer()->encode(choice, false));
    prompt_.max_answer =
        std::max<std::int64_t>(prompt_.max_answer, std::ssize(choice_ids_.back()) + 1);
  }
  if (prompt_.tokens + std::max<std::int64_t>(prompt_.max_answer, 1) > context())
    return too_long(prompt_.tokens, false);
  if (!request.choices.empty()) return {};
  prompt_.max_answer = context() - prompt_.tokens;
  if (request.max_tokens)
    prompt_.max_answer = std::min<std::int64_t>(prompt_.max_answer, *request.max_tokens);
  return {};
}

bool Session::done() const {
  return std::ranges::all_of(sequences_, [](const auto& one) { return one->ended(); });
}

std::int64_t Session::prompt_left() const {
  std::int64_t total = 0;
  for (const auto& one : sequences_) total += one->prompt_left();
  return total;
}

Result<void> Session::encode_step() {
  tell_views();
  OC_RETURN_IF_ERROR(pictures_.encode_step());
  tell_views();
  if (pictures_.joined()) tell_prefill();
  return {};
}

Result<void> Session::step_layers(Sequence& sequence, std::int64_t limit) {
  const auto logits = sequence.step_layers(limit);
  OC_RETURN_IF_ERROR(context_.model.intact());
  if (!prompt_computed_) tell_prefill();
  return logits ? accept(sequence, *logits) : Result<void>();
}

Result<void> Session::accept(Sequence& sequence, std::span<const float> logits) {
  if (prompt_computed_) {
    OC_RETURN_IF_ERROR(sequence.accept(logits));
    tell_answers();
    return {};
  }
  log::step("prefill", context_.request.id, "tokens", sequence.computed(), "of",
            sequence.ids().size(), "ms", sequence.since_first_step_ms());
  tell_prefill();
  if (sequence.pending() > 0) return {};
  prompt_computed_ = true;
  result_.timings.prefill_ms = sequence.since_first_step_ms();
  // Another request about the same picture need not wait for this answer's end.
  if (context_.caches.prefixes != nullptr && pictures_.count() > 0)
    context_.caches.prefixes->insert(prefix_key(sequence), sequence.fork_kv());
  tell_answers();
  OC_RETURN_IF_ERROR(fan_out(logits));
  tell_answers();
  return {};
}

// The prompt is computed; its logits are everybody's first.
Result<void> Session::fan_out(std::span<const float> logits) {
  Sequence& first = *sequences_.front();
  if (!choice_ids_.empty()) {
    OC_RETURN_IF_ERROR(check_logits(logits));
    for (std::size_t i = 0; i < choice_ids_.size(); ++i) {
      sequences_.push_back(first.fork(i, first.seed()));
      sequences_.back()->begin_score(choice_ids_[i], logits);
    }
    first.end_unanswered();
    return {};
  }
  if (first.finds_objects()) return first.take_position(logits);
  for (int i = 1; i < context_.request.n; ++i) {
    const auto index = static_cast<std::size_t>(i);
    sequences_.push_back(first.fork(index, first.seed() + index));
  }
  for (const auto& other : sequences_ | std::views::drop(1))
    OC_RETURN_IF_ERROR(other->take_token(logits));
  OC_RETURN_IF_ERROR(first.take_token(logits));
  hand_on_last_block();
  return {};
}

// The block in which the prompt ends is copied by each answer that goes on in it, but the last one:
// what it takes is counted there.
void Session::hand_on_last_block() {
  Sequence& first = *sequences_.front();
  if (first.ended()) return;  // kept as it is, for retire()
  for (const auto& other : sequences_ | std::views::drop(1) | std::views::reverse) {
    if (other->ended()) continue;
    other->give_kv(first.kv_given());
    first.give_kv(0);
    return;
  }
}

MemoryClaim Session::kv_claim() const {
  const std::int64_t longest = prompt_.tokens + prompt_.max_answer;
  const bool shares = prompt_.regime == context_.model.position_regime(longest);
  MemoryClaim claim;
  bool prompt_is_held = false;
  for (const auto& one : sequences_) {
    const MemoryClaim more = one->kv_claim(shares);
    claim.held += more.held;
    claim.peak += more.peak;
    prompt_is_held |= one->holds_prompt();
  }
  if (sequences_.size() == 1) {  // those to come
    claim.peak += (context_.request.n - 1) * prompt_.kv_beyond(longest, shares);
    for (const auto& ids : choice_ids_)
      claim.peak += prompt_.kv_beyond(prompt_.tokens + std::ssize(ids), shares);
  }
  if (shares) claim.peak += prompt_.shared_kv();
  if (prompt_is_held) claim.held += prompt_.shared_kv();
  return claim;
}

AnswerMemory Session::answer_memory() const {
  AnswerMemory all;
  for (const auto& one : sequences_) all += one->answer_memory();
  return all;
}

std::int64_t Session::answer_tokens() const {
  std::int64_t tokens = 0;
  for (const auto& one : sequences_) tokens += one->answer_tokens();
  return tokens;
}

void Session::drop_ended() {
  for (const auto& one : sequences_ | std::views::drop(1))
    if (one->ended()) one->drop_kv();
}

void Session::retire() {
  if (context_.caches.prefixes == nullptr) return;
  Sequence& first = *sequences_.front();
  if (!first.started() || first.computed() == 0) return;
  if (first.finds_objects()) first.keep_prompt();
  log::step("prefix cache", context_.request.id, "kept", first.computed());
  context_.caches.prefixes->insert(prefix_key(first), first.take_kv());
}

void Session::conclude_scores() {
  std::vector<double> sums;
  for (std::size_t i = 0; i < choice_ids_.size(); ++i) {
    const std::vector<double>& logprobs = sequences_[i + 1]->scores();
    ChoiceScore& score = result_.scores.emplace_back();
    score.text = context_.request.choices[i];
    score.tokens = std::ssize(logprobs);
    for (const double logprob : logprobs) score.logprob += logprob;
    score.mean_logprob = score.logprob / static_cast<double>(score.tokens);
    sums.push_back(score.logprob);
    result_.completion_tokens += score.tokens;
  }
  const double total = log_sum_exp(sums);
  for (ChoiceScore& score : result_.scores) score.probability = std::exp(score.logprob - total);
  const auto best = std::ranges::max_element(result_.scores, {}, &ChoiceScore::logprob);
  result_.text = best->text;
  result_.ids = choice_ids_[static_cast<std::size_t>(best - result_.scores.begin())];
  if (context_.hooks.on_piece) context_.hooks.on_piece({.text = result_.text});
  result_.timings.total_ms = context_.since_start.ms();
  result_.timings.ttft_ms = result_.timings.total_ms;
}

GenerateResult Session::take_result() {
  Timings& timings = result_.timings;
  timings.preprocess_ms = pictures_.preprocess_ms();
  timings.encode_ms = pictures_.encode_ms();
  if (!choice_ids_.empty()) {
    result_.seed = sequences_.front()->seed();
    conclude_scores();
    warn();
    return std::move(result_);
  }
  for (const auto& one : sequences_) {
    SequenceResult answer = one->take_result();
    result_.completion_tokens += answer.completion_tokens;
    result_.drafted_tokens += answer.drafted_tokens;
    result_.accepted_tokens += answer.accepted_tokens;
    if (one == sequences_.front()) timings.ttft_ms = answer.ttft_ms;
    timings.total_ms = std::max(timings.total_ms, answer.total_ms);
    timings.decode_tokens_per_second += answer.decode_tokens_per_second;
    if (one == sequences_.front())
      static_cast<Answer&>(result_) = std::move(answer);
    else
      result_.more.push_back(std::move(answer));
  }
  timings.decode_ms = timings.total_ms - timings.ttft_ms;
  warn();
  return std::move(result_);
}

// What the prompt has to say, before anything else.
void Session::warn() {
  if (warning_.empty()) return;
  result_.warning = result_.warning ? warning_ + "; " + *result_.warning : warning_;
}

// Nothing twice.
void Session::tell(AnswerPhase phase, std::int64_t done, std::int64_t total) {
  if (!context_.request.on_progress) return;
  const AnswerProgress now{.phase = phase, .done = done, .total = total};
  if (told_ == now) return;
  told_ = now;
  context_.request.on_progress(now);
}

void Session::tell_views() {
  if (context_.request.on_progress)
    tell(AnswerPhase::kEncoding, pictures_.views_done(), pictures_.views());
}

void Session::tell_prefill() {
  tell(AnswerPhase::kPrefill, prompt_.tokens - sequences_.front()->prompt_left(), prompt_.tokens);
}

void Session::tell_answers() {
  if (!context_.request.on_progress) return;
  if (choice_ids_.empty()) return tell(AnswerPhase::kAnswering, answer_tokens(), 0);
  const auto scored = std::ranges::count_if(
      sequences_, [](const auto& one) { return one->scoring() && one->ended(); });
  tell(AnswerPhase::kAnswering, scored, std::ssize(choice_ids_));
}

std::string_view Session::phase() const {
  if (sequences_.empty() || !sequences_.front()->started()) return "preparation";
  const Sequence& first = *sequences_.front();
  if (first.needs_images()) return pictures_.encoding() ? "encoding" : "preprocessing";
  return first.answer_tokens() == 0 ? "prefill" : "decoding";
}

Result<void> Session::interrupted() const {
  const GenerateRequest& request = context_.request;
  if (context_.hooks.cancelled && context_.hooks.cancelled())
    return Error{ErrorCode::kCancelled,
                 fmt::format("the request was cancelled during {}", phase())};
  if (request.deadline && std::chrono::steady_clock::now() >= *request.deadline) {
    const std::int64_t tokens = sequences_.empty() ? 0 : sequences_.front()->answer_tokens();
    const std::string units =
        request.may_set_knobs ? knob_units(context_.model.info().knobs) : std::string();
    return Error{ErrorCode::kDeadline,
                 fmt::format("out of time during {}, after {} answer token{}", phase(), tokens,
                             tokens == 1 ? "" : "s"),
                 fmt::format("allow more time (--time-limit), or use fewer {} and a smaller "
                             "max_tokens",
                             units.empty() ? "pictures" : units)};
  }
  return {};
}

}  // namespace oc
