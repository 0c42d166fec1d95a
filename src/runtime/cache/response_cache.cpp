#include "runtime/cache/response_cache.h"

#include <iterator>
#include <span>
#include <type_traits>
#include <variant>

#include "base/check.h"
#include "io/digest.h"

namespace oc {
namespace {

// Values one after the other, each text with its length before it, so that no two requests run
// together into the same bytes.
class KeyDigest {
 public:
  template <class T>
    requires std::is_arithmetic_v<T>
  void add(T value) {
    digest_.add(std::as_bytes(std::span(&value, 1)));
  }
  void add(std::string_view text) {
    add(text.size());
    digest_.add(text);
  }
  template <class T>
  void add(const std::optional<T>& value) {
    add(value.has_value());
    if (value) add(*value);
  }
  void add(const FramesPart& frames) {
    add(frames.first);
    add(frames.count);
    add(frames.fps);
  }
  std::string finish() { return digest_.finish(); }

 private:
  Digest digest_;
};

std::size_t size_of(const Answer& answer) {
  std::size_t total =
      sizeof answer + answer.text.size() + answer.ids.size() * sizeof(TokenId) + 256;
  total += answer.objects.size() * sizeof(FoundObject);
  for (const TokenLogprobs& token : answer.logprobs)
    total += sizeof token + token.top.size() * sizeof(ScoredToken);
  return total;
}

std::size_t size_of(const GenerateResult& result) {
  std::size_t total = size_of(static_cast<const Answer&>(result)) + sizeof result;
  for (const Answer& answer : result.more) total += size_of(answer);
  for (const ChoiceScore& score : result.scores) total += sizeof score + score.text.size();
  return total;
}

}  // namespace

std::optional<std::string> response_key(const GenerateRequest& request,
                                        std::span<const ImagePlan> plans,
                                        const std::string& computed_by) {
  OC_CHECK(plans.size() == request.images.size(), "{} plans for {} pictures", plans.size(),
           request.images.size());
  const SamplingParams& s = request.sampling;
  if (s.temperature != 0 && !s.seed) return std::nullopt;
  KeyDigest digest;
  digest.add(computed_by);
  digest.add(request.cache_scope);
  digest.add(request.messages.size());
  for (const Message& message : request.messages) {
    digest.add(static_cast<int>(message.role));
    digest.add(message.parts.size());
    for (const Part& part : message.parts) {
      digest.add(part.index());
      if (const auto* text = std::get_if<TextPart>(&part))
        digest.add(text->text);
      else if (const auto* image = std::get_if<ImagePart>(&part))
        digest.add(image->index);
      else
        digest.add(std::get<FramesPart>(part));
    }
  }
  if (request.task) {
    digest.add(name_of(*request.task));
    digest.add(text_of(*request.task));
    if (const auto* caption = std::get_if<CaptionTask>(&*request.task))
      digest.add(to_string(caption->length));
    digest.add(max_objects(*request.task));
  }
  digest.add(request.raw_prompt.has_value());
  if (request.raw_prompt) {
    digest.add(request.raw_prompt->text);
    digest.add(request.raw_prompt->control_tokens);
    digest.add(request.raw_prompt->ids.size());
    for (const TokenId id : request.raw_prompt->ids) digest.add(id);
  }
  digest.add(request.images.size());
  for (std::size_t i = 0; i < plans.size(); ++i) {
    digest.add(request.images[i].pixels);
    digest.add(plans[i].family);
  }
  digest.add(s.temperature);
  digest.add(s.top_k);
  digest.add(s.top_p);
  digest.add(s.min_p);
  digest.add(s.repetition_penalty);
  digest.add(s.presence_penalty);
  digest.add(s.frequency_penalty);
  digest.add(s.logit_bias.size());
  for (const auto& [id, bias] : s.logit_bias) {
    digest.add(id);
    digest.add(bias);
  }
  digest.add(s.seed);
  digest.add(request.max_tokens);
  digest.add(request.max_sequence);
  digest.add(request.stop.size());
  for (const std::string& stop : request.stop) digest.add(stop);
  digest.add(request.keep_order);
  digest.add(request.n);
  digest.add(request.logprobs);
  digest.add(request.top_logprobs);
  digest.add(request.choices.size());
  for (const std::string& choice : request.choices) digest.add(choice);
  digest.add(request.json_schema);
  return digest.finish();
}

ResponseCache::ResponseCache(std::size_t max_bytes, std::chrono::seconds max_age,
                             std::size_t max_entries, std::shared_ptr<SharedResponses> shared)
    : max_bytes_(max_entries > 0 ? max_bytes : 0),
      max_entries_(max_entries),
      max_age_(max_age),
      shared_(std::move(shared)),
      thread_([this] { work(); }) {}

ResponseCache::~ResponseCache() { finish(); }

void ResponseCache::finish() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::optional<GenerateResult> ResponseCache::find(const std::string& key,
                                                  const SharedResponses::Fits& fits) {
  if (auto known = find_here(key); known || shared_ == nullptr) return known;
  auto found = shared_->find(key, fits);
  if (!found || found->age > max_age_) return std::nullopt;
  insert_here(key, found->result, found->age);
  return std::move(found->result);
}

void ResponseCache::insert(const std::string& key, const GenerateResult& result) {
  insert_here(key, result, std::chrono::seconds(0));
  if (shared_ != nullptr) shared_->insert(key, result);
}

bool ResponseCache::holds(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  return found != by_key_.end() &&
         std::chrono::steady_clock::now() - found->second->since <= max_age_;
}

std::optional<GenerateResult> ResponseCache::find_here(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  if (std::chrono::steady_clock::now() - found->second->since > max_age_) {
    drop(found->second);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->result;
}

// `age`: of an answer that another instance gave.
void ResponseCache::insert_here(const std::string& key, const GenerateResult& result,
                                std::chrono::seconds age) {
  const std::size_t bytes = size_of(result);
  const std::lock_guard lock(mutex_);
  if (bytes > max_bytes_) return;
  if (const auto found = by_key_.find(key); found != by_key_.end()) drop(found->second);
  while (bytes_ + bytes > max_bytes_ || entries_.size() >= max_entries_)
    drop(std::prev(entries_.end()));
  entries_.push_front({key, result, bytes, std::chrono::steady_clock::now() - age});
  entries_.front().result.images = {};
  by_key_[key] = entries_.begin();
  bytes_ += bytes;
}

void ResponseCache::drop(std::list<Entry>::iterator entry) {
  bytes_ -= entry->bytes;
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

void ResponseCache::post(std::function<void()> deliver) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(deliver));
  }
  wake_.notify_one();
}

void ResponseCache::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return ending_ || !posted_.empty(); });
    if (posted_.empty()) return;
    std::function<void()> deliver = std::move(posted_.front());
    posted_.pop_front();
    lock.unlock();
    deliver();
    deliver = nullptr;  // not under the lock: what it holds gives a model back, which locks others
    lock.lock();
  }
}

std::size_t ResponseCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t ResponseCache::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace oc
