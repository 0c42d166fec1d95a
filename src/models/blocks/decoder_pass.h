// What the decoders of families share of one step: rows of several sequences, cached attention,
// logits of the wanted rows. Layers are the family's own.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "models/model.h"

namespace oc {

struct DecoderHeads {
  int heads = 0, kv_heads = 0, head_dim = 0;  // H, G, d
  int rotated = 0;                            // as of AttendSpec
};

// Appends cos and sin of `count` positions from `first` on, for a sequence in `regime`.
using AppendAngles =
    std::function<void(int regime, std::int64_t first, std::int64_t count, Batch&)>;

// What stands around the layers.
struct DecoderEnds {
  const TableWeight& embed_tokens;  // [V, D]
  const NormWeight& norm;           // [D]
  const LinearWeight& lm_head;      // [V, D]
};

// As Model::begin_forward(); weights, inputs' contents and tap outlive it. The tap sees
// "decoder.embeds", "decoder.layer<i>" and "decoder.norm".
class DecoderPass : public ForwardPass {
 public:
  int layers() const override { return layers_; }
  int layers_left() const override { return layers_ - next_; }
  void step(int count) override;
  Tensor result() override;
  Tensor hidden() override { return hidden_; }

 protected:
  DecoderPass(Engine& engine, const DecoderHeads& heads, const DecoderEnds& ends, int layers,
              const AppendAngles& append_angles, std::span<const StepInput> inputs, const Tap* tap);

  // One layer over x [T, D]; it calls attend() once, before anything else that adds to x. → [T, D],
  // of the rows that attend() leaves.
  virtual Tensor run_layer(int layer, Tensor x) = 0;
  // Of layer `layer`; qkv [T, (H+2G)·d] → [T, H·d]. In the last layer only the wanted rows are left
  // of its result and of x.
  Tensor attend(int layer, Tensor qkv, Tensor& x);

  Engine& engine_;

 private:
  void add_segments(const StepInput& input);
  void want_rows(const StepInput& input, std::int64_t first);

  const DecoderHeads heads_;
  const DecoderEnds ends_;
  const int layers_;
  const std::vector<StepInput> inputs_;
  const Tap* tap_;
  Batch batch_;
  std::vector<std::int64_t> wanted_;      // of the rows of x_
  std::vector<std::int64_t> logit_rows_;  // of wanted_
  Tensor x_;                              // [T, D]
  Tensor hidden_;
  int next_ = 0;  // layer
};

// Rows of all tensors, one behind the other. → [sum of rows, cols]
Tensor join_rows(Engine& engine, std::span<const Tensor> parts);

}  // namespace oc
