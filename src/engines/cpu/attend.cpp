// Attention of the CPU engine: rotation, cache, and one head of some query rows a work item.
#include <algorithm>
#include <cstring>

#include "engines/cpu/cpu_engine.h"

namespace oc {
namespace {

constexpr std::int64_t kQueryRows = 60;  // query rows of a work item: ten tiles of the kernel

}  // namespace

Tensor CpuEngine::attend(Tensor qkv, const AttendSpec& spec, const Batch& batch) {
  const std::int64_t d = spec.head_dim, q_width = spec.heads * d, kv_width = spec.kv_heads * d;
  const std::int64_t stride = q_width + 2 * kv_width;
  OC_CHECK(qkv.cols() == stride && qkv.rows() == batch.rows(), "attend: [{}, {}], {} rows",
           qkv.rows(), qkv.cols(), batch.rows());
  const std::int64_t half = spec.turning() / 2;
  OC_CHECK(static_cast<std::int64_t>(batch.rope_cos.size()) == qkv.rows() * half &&
               batch.rope_sin.size() == batch.rope_cos.size(),
           "attend: {} angles for {} rows", batch.rope_cos.size(), qkv.rows());
  if (!qkv.unique()) {  // rotated in place
    Tensor copy = make(qkv.rows(), qkv.cols());
    std::copy_n(cpu_data(qkv), qkv.rows() * qkv.cols(), cpu_data(copy));
    qkv = std::move(copy);
  }
  float* rows = cpu_data(qkv);
  struct Place {
    CpuSequence* kv;
    std::int64_t position;
  };
  std::vector<Place> places;  // of each row
  for (const Segment& segment : batch.segments) {
    auto& kv = static_cast<CpuSequence&>(*segment.kv);
    kv.reserve(segment.position, segment.position + segment.length);
    for (std::int64_t i = 0; i < segment.length; ++i) places.push_back({&kv, segment.position + i});
  }
  for_rows(qkv.rows(), stride, [&](std::int64_t t, int) {
    float* row = rows + t * stride;
    const float* cos = batch.rope_cos.data() + t * half;
    const float* sin = batch.rope_sin.data() + t * half;
    for (int h = 0; h < spec.heads; ++h) {
      float* head = row + h * d;
      table_.rotate(head, spec.turning(), cos, sin, spec.scale);
      for (std::int64_t c = 2 * half; c < d; ++c) head[c] *= spec.scale;  // these do not turn
    }
    for (int h = 0; h < spec.kv_heads; ++h)
      table_.rotate(row + q_width + h * d, spec.turning(), cos, sin, 1.0f);
    const Place& place = places[static_cast<std::size_t>(t)];
    place.kv->write(spec.layer, place.position, row + q_width, row + q_width + kv_width, table_);
  });
  Tensor out = make(qkv.rows(), q_width);
  attend_segments(rows, stride, spec, batch.segments, cpu_data(out));
  return out;
}

void CpuEngine::attend_segments(const float* qkv, std::int64_t row_stride, const AttendSpec& spec,
                                std::span<const Segment> segments, float* out) {
  const std::int64_t d = spec.head_dim, out_stride = spec.heads * d;
  const int queries = spec.heads / spec.kv_heads;  // heads that share keys and values
  // A single row's heads that share keys meet them together, where there are items enough.
  const auto single = static_cast<std::int64_t>(
      std::ranges::count_if(segments, [](const Segment& s) { return s.length == 1; }));
  const int together = single * spec.kv_heads >= 2 * pool_.threads() ? queries : 1;

  struct Item {
    const Segment* segment;
    const void* const* blocks;
    std::int64_t first, begin;  // rows: the segment's first one, the item's first one within it
    std::int64_t head;
  };
  std::vector<std::vector<const void*>> blocks;  // [segment][key head]
  blocks.reserve(segments.size() * static_cast<std::size_t>(spec.kv_heads));
  std::vector<Item> items;
  std::int64_t first = 0;
  for (const Segment& segment : segments) {
    const auto& kv = static_cast<const CpuSequence&>(*segment.kv);
    const std::int64_t parts = (segment.length + kQueryRows - 1) / kQueryRows;
    const int step = segment.length == 1 ? together : 1;
    for (int h = 0; h < spec.heads; h += step) {
      if (h % queries == 0)
        blocks.push_back(
            kv.head_blocks(spec.layer, h / queries, segment.position + segment.length));
      // Later rows see more keys: hand out the heavy pieces first.
      for (std::int64_t part = parts; part-- > 0;)
        items.push_back({&segment, blocks.back().data(), first, part * kQueryRows, h});
    }
    first += segment.length;
  }

  const std::size_t scratch_bytes = kernels::attention_scratch_bytes(spec.head_dim) / 64 * 64;
  const Buffer scratch = buffers_->take(scratch_bytes * static_cast<std::size_t>(pool_.threads()));
  pool_.run(static_cast<std::int64_t>(items.size()), [&](std::int64_t index, int thread) {
    const Item& item = items[static_cast<std::size_t>(index)];
    const Segment& segment = *item.segment;
    const bool single_row = segment.length == 1;
    const std::int64_t total = segment.position + segment.length, row = item.first + item.begin;
    const kernels::AttentionHead head{
        .q = qkv + row * row_stride + item.head * d,
        .q_stride = single_row ? d : row_stride,
        .out = out + row * out_stride + item.head * d,
        .out_stride = single_row ? d : out_stride,
        .head_dim = spec.head_dim,
        .rows = single_row ? together : std::min(kQueryRows, segment.length - item.begin),
        .first_visible = segment.causal ? segment.position + item.begin + 1 : total,
        .step = segment.causal && !single_row ? 1 : 0,
        .blocks = item.blocks,
        .type = static_cast<const CpuSequence&>(*segment.kv).type()};
    table_.attention(head, scratch.data() + scratch_bytes * static_cast<std::size_t>(thread));
  });
}

Tensor CpuEngine::attend_full(Tensor qkv, const AttendSpec& spec, std::int64_t block) {
  const std::int64_t d = spec.head_dim, width = spec.heads * d, stride = 3 * width;
  OC_CHECK(
      block > 0 && qkv.rows() % block == 0 && qkv.cols() == stride && spec.heads == spec.kv_heads,
      "attend_full: [{}, {}] in blocks of {}", qkv.rows(), qkv.cols(), block);
  if (spec.may_round) return attend_full_int16(qkv, spec, block);
  // Keys and values of each head in the cache's layout, for one block of rows after the other.
  const std::int64_t kv_blocks = (block + kernels::kKvBlock - 1) / kernels::kKvBlock;
  const std::int64_t head_floats = kv_blocks * 2 * d * kernels::kKvBlock;
  const Buffer packed =
      buffers_->take(static_cast<std::size_t>(spec.heads * head_floats) * sizeof(float));
  const std::size_t scratch_bytes = kernels::attention_scratch_bytes(spec.head_dim) / 64 * 64;
  const Buffer scratch = buffers_->take(scratch_bytes * static_cast<std::size_t>(pool_.threads()));
  const std::int64_t parts = (block + kQueryRows - 1) / kQueryRows;
  Tensor out = make(qkv.rows(), width);
  for (std::int64_t first = 0; first < qkv.rows(); first += block) {
    const float* rows = cpu_data(qkv) + first * stride;
    std::vector<std::vector<const void*>> blocks(static_cast<std::size_t>(spec.heads));
    for (std::int64_t h = 0; h < spec.heads; ++h)
      for (std::int64_t b = 0; b < kv_blocks; ++b)
        blocks[static_cast<std::size_t>(h)].push_back(packed.as<float>() + h * head_floats +
                                                      b * 2 * d * kernels::kKvBlock);
    pool_.run(spec.heads, [&](std::int64_t h, int) {
      float* head = packed.as<float>() + h * head_floats;
      std::memset(head, 0, static_cast<std::size_t>(head_floats) * sizeof(float));
      for (std::int64_t j = 0; j < block; ++j) {
        float* keys = head + j / kernels::kKvBlock * 2 * d * kernels::kKvBlock;
        const std::int64_t slot = j % kernels::kKvBlock;
        const float* key = rows + j * stride + width + h * d;
        for (std::int64_t c = 0; c < d; ++c) keys[c * kernels::kKvBlock + slot] = key[c];
        std::copy_n(key + width, d, keys + d * kernels::kKvBlock + slot * d);
      }
    });
    pool_.run(spec.heads * parts, [&](std::int64_t item, int thread) {
      const std::int64_t h = item / parts, begin = item % parts * kQueryRows;
      const std::int64_t count = std::min(kQueryRows, block - begin);
      // The kernel takes scaled queries.
      std::vector<float> queries(static_cast<std::size_t>(count * d));
      for (std::int64_t i = 0; i < count; ++i)
        for (std::int64_t c = 0; c < d; ++c)
          queries[static_cast<std::size_t>(i * d + c)] =
              rows[(begin + i) * stride + h * d + c] * spec.scale;
      const kernels::AttentionHead head{.q = queries.data(),
                                        .q_stride = d,
                                        .out = cpu_data(out) + (first + begin) * width + h * d,
                                        .out_stride = width,
                                        .head_dim = spec.head_dim,
                                        .rows = count,
                                        .first_visible = block,
                                        .step = 0,
                                        .blocks = blocks[static_cast<std::size_t>(h)].data(),
                                        .type = kernels::Storage::kF32};
      table_.attention(head, scratch.data() + scratch_bytes * static_cast<std::size_t>(thread));
    });
  }
  return out;
}

Tensor CpuEngine::attend_full_int16(const Tensor& qkv, const AttendSpec& spec, std::int64_t block) {
  const std::int64_t d = spec.head_dim, width = spec.heads * d, stride = 3 * width;
  const std::int64_t heads = qkv.rows() / block * spec.heads;
  // An item packs its head's keys and values for itself. They stay in its core's cache; where there
  // are more cores than heads, some pack the same.
  const std::int64_t parts = std::min((2 * pool_.threads() + heads - 1) / heads, block);
  const std::int64_t part_rows = (block + parts - 1) / parts;
  const std::size_t scratch_bytes = kernels::full_attention_scratch_bytes(block, spec.head_dim);
  const Buffer scratch = buffers_->take(scratch_bytes * static_cast<std::size_t>(pool_.threads()));
  Tensor out = make(qkv.rows(), width);
  pool_.run(heads * parts, [&](std::int64_t item, int thread) {
    const std::int64_t h = item / parts % spec.heads;
    const std::int64_t first = item / parts / spec.heads * block;
    const float* rows = cpu_data(qkv) + first * stride + h * d;
    const std::int64_t begin = std::min(item % parts * part_rows, block);
    const kernels::FullAttention head{.q = rows,
                                      .k = rows + width,
                                      .v = rows + 2 * width,
                                      .stride = stride,
                                      .out = cpu_data(out) + first * width + h * d,
                                      .out_stride = width,
                                      .head_dim = spec.head_dim,
                                      .keys = block,
                                      .begin = begin,
                                      .end = std::min(begin + part_rows, block),
                                      .scale = spec.scale};
    table_.full_attention(head, scratch.data() + scratch_bytes * static_cast<std::size_t>(thread));
  });
  return out;
}

}  // namespace oc
