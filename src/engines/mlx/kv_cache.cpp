#include "engines/mlx/kv_cache.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

namespace oc {
namespace {

std::int64_t capacity_for(std::int64_t tokens) {
  return (tokens + kMlxKvBlock - 1) / kMlxKvBlock * kMlxKvBlock;
}

}  // namespace

MlxSequence::MlxSequence(const KvSpec& spec, mx::Stream stream)
    : spec_(spec), stream_(stream), layers_(static_cast<std::size_t>(spec.layers)) {}

mx::array MlxSequence::grown(const mx::array& buffer, std::int64_t capacity) const {
  mx::Shape more = buffer.shape();
  more[2] = dim(capacity - more[2]);
  return mx::concatenate({buffer, mx::zeros(more, buffer.dtype(), stream_)}, 2, stream_);
}

MlxSequence::Pair MlxSequence::append(int layer, std::int64_t position, const mx::array& keys,
                                      const mx::array& values) {
  std::optional<Pair>& held = layers_.at(static_cast<std::size_t>(layer));
  const std::int64_t end = position + keys.shape(2), capacity = capacity_for(end);
  OC_CHECK(position >= length_ && (position == 0 || held), "rows at {} of {}", position, length_);
  if (!held) {
    const mx::Shape all = {1, dim(spec_.kv_heads), dim(capacity), dim(spec_.head_dim)};
    held = Pair{mx::zeros(all, keys.dtype(), stream_), mx::zeros(all, keys.dtype(), stream_)};
  }
  Pair out{keys, values};
  const mx::Shape start = {0, 0, dim(position), 0};
  const mx::Shape stop = {1, dim(spec_.kv_heads), dim(end), dim(spec_.head_dim)};
  for (auto [buffer, rows] : {std::pair{&held->keys, &out.keys}, {&held->values, &out.values}}) {
    if (buffer->shape(2) < end) *buffer = grown(*buffer, capacity);
    // Assigned before anything is computed: the old buffer is then the update's alone.
    *buffer = mx::slice_update(*buffer, *rows, start, stop, stream_);
    *rows = mx::slice(*buffer, {0, 0, 0, 0}, stop, stream_);
  }
  return out;
}

// Gives back whole blocks behind `tokens`.
void MlxSequence::keep(std::int64_t tokens) {
  length_ = tokens;
  const std::int64_t capacity = capacity_for(tokens);
  std::vector<mx::array> cut;
  for (std::optional<Pair>& held : layers_) {
    if (!held || held->keys.shape(2) <= capacity) continue;
    if (capacity == 0) {
      held.reset();
      continue;
    }
    mx::Shape stop = held->keys.shape();
    stop[2] = dim(capacity);
    // A copy, made now: a view or a promise would keep the whole buffer.
    for (mx::array* buffer : {&held->keys, &held->values}) {
      *buffer = mx::contiguous(mx::slice(*buffer, {0, 0, 0, 0}, stop, stream_), false, stream_);
      cut.push_back(*buffer);
    }
  }
  if (!cut.empty()) mx::eval(std::move(cut));
}

void MlxSequence::truncate(std::int64_t tokens) {
  OC_CHECK(tokens >= 0 && tokens <= length_, "truncate {} to {}", length_, tokens);
  keep(tokens);
}

std::unique_ptr<KvSequence> MlxSequence::fork(std::int64_t tokens) const {
  OC_CHECK(tokens >= 0 && tokens <= length_, "fork {} of {}", tokens, length_);
  auto child = std::make_unique<MlxSequence>(*this);
  child->keep(tokens);
  return child;
}

std::size_t MlxSequence::bytes() const {
  std::size_t total = 0;
  for (const std::optional<Pair>& held : layers_)
    if (held) total += held->keys.nbytes() + held->values.nbytes();
  return total;
}

}  // namespace oc
