// What the runtime needs of a vision-language model. One implementation per architecture; weights
// are const and shared, everything that belongs to a request is the caller's.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/image.h"
#include "io/residency.h"
#include "models/message.h"
#include "models/prompt_blocks.h"
#include "ops/engine.h"
#include "ops/taps.h"
#include "text/tokenizer.h"

namespace oc {

struct ModelInfo {
  std::string architecture;  // "phi3_v"
  std::string path;          // folder; never shown to clients
  std::string quantization;  // "4-bit", "8-bit", "bf16", …
  std::size_t weights_bytes = 0;
  std::int64_t vocab_size = 0;       // V, width of the logits
  std::int64_t context_length = 0;   // most tokens of prompt + answer
  std::int64_t width = 0;            // D, of a picture's rows
  std::vector<TokenId> stop_ids;     // every id that ends an answer
  std::vector<TokenId> unnamed_ids;  // ids_without_token(), never produced
  int default_num_crops = 4;
  std::string fingerprint;  // hex digest over config and tensor directory
  // What a step must at least do, for benchmarks: weights read for a decoded token; operations (a
  // product and a sum are two) for a token of the prompt, the head left out, and for a view of a
  // picture, attention included.
  std::size_t token_bytes = 0;
  std::size_t kv_token_bytes = 0;  // keys and values of one token, in the engine's cache
  double token_ops = 0;
  double crop_ops = 0;
};

// How one picture will be shown to the model.
struct ImagePlan {
  int width = 0, height = 0;                      // upright picture, pixels
  int num_crops = 0;                              // what was asked for
  int crops_w = 0, crops_h = 0;                   // the grid that was chosen
  int effective_width = 0, effective_height = 0;  // after resize, without padding
  int canvas_width = 0, canvas_height = 0;        // crops times crop size
  bool transposed = false;
  int tokens = 0;  // positions in the prompt
};

struct PromptOptions {
  bool keep_order = false;    // leave pictures where they stand among the text parts
  bool trusted_text = false;  // text may contain control tokens and <|image_N|> tags (goldens only)
  // The most ids that are wanted: text that is sure to have more is not tokenised. Not for trusted
  // text.
  std::int64_t room = std::numeric_limits<std::int64_t>::max();
};

// Token ids of a prompt. Image positions are negative: -1 - r, r counting the rows of all pictures
// in the order in which they occur in the *list of pictures*.
struct Prompt {
  std::vector<TokenId> ids;
  std::vector<ImagePlan> images;
  // Of ids, in order: ranges that are computed in one step and never divided, those whose tokens
  // attend to each other in both directions. Most families have none.
  std::vector<TokenRange> blocks = {};
  // Not 0: there are no ids, for there would be at least so many, more than PromptOptions::room.
  std::int64_t too_many = 0;
};

// Encodes one picture a few views at a time, so that other work can go in between.
class ImageEncoding {
 public:
  virtual ~ImageEncoding() = default;
  virtual bool done() const = 0;
  virtual void step() = 0;      // engine thread; the next batch of views
  virtual Tensor result() = 0;  // [ImagePlan::tokens, D]; only when done()
  // Of the time that beginning it took: the picture was brought to its new size.
  virtual double resize_ms() const { return 0; }
};

// A model's part of one step: `ids` continue the sequence in kv. `regime` as given by
// rope_regime().
struct StepInput {
  KvSequence* kv = nullptr;
  std::span<const TokenId> ids;
  const Tensor* image_rows = nullptr;  // [sum of tokens, D] for negative ids; may be null
  int regime = 0;
  // Rows of `ids` whose logits are wanted; empty: the last one only.
  std::span<const std::int64_t> logit_rows = {};
  // Prompt::blocks of the whole sequence; those within the step are whole.
  std::span<const TokenRange> blocks = {};
};

// One step, computed a few layers at a time, so that other work can go in between: steps of other
// sequences, even of this model. Engine thread only. A pass that is given up leaves rows in its
// sequences that are not complete: they are to be truncated to their length.
class ForwardPass {
 public:
  virtual ~ForwardPass() = default;
  virtual int layers() const = 0;  // in all
  virtual int layers_left() const = 0;
  virtual void step(int count) = 0;  // the next layers, layers_left() at most
  // When none are left, once: appends every input to its cache. → logits of each input's wanted
  // rows, input after input, [S, V]
  virtual Tensor result() = 0;
};

class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelInfo& info() const = 0;
  virtual const std::shared_ptr<const Tokenizer>& tokenizer() const = 0;
  virtual Engine& engine() const = 0;
  // Files that the weights are read from in place, as long as the model lives; none where the
  // engine has copies of its own.
  virtual MappedRanges mapped_weights() const { return {}; }
  // Error kUnavailable, naming the file, once one that the weights are read from is not what was
  // loaded any more (io/mapped_file.h). To be asked behind each forward() and step() of an
  // encoding, before anybody sees what came of it. Any thread.
  virtual Result<void> intact() const { return {}; }

  // num_crops: nullopt for the model's default; errors name the allowed range.
  virtual Result<ImagePlan> plan_image(int width, int height,
                                       std::optional<int> num_crops) const = 0;
  // The chat template, generation prompt appended unless the last turn is the assistant's.
  // images[i] is the plan of picture i; every picture must be used exactly once.
  virtual Result<Prompt> build_prompt(std::span<const Message> messages,
                                      std::span<const ImagePlan> images,
                                      const PromptOptions& options) const = 0;
  // What begin_image() takes until its last step, for who holds several of them.
  virtual std::size_t image_bytes(const ImagePlan& plan) const {
    return static_cast<std::size_t>(plan.canvas_width) *
           static_cast<std::size_t>(plan.canvas_height) * 3 * sizeof(float);
  }
  // Preprocesses on the calling thread (any), as long as it may; steps run on the engine thread.
  virtual Result<std::unique_ptr<ImageEncoding>> begin_image(
      const Image& image, const ImagePlan& plan, const Tap* tap,
      const Interrupt& interrupt = {}) const = 0;

  virtual std::unique_ptr<KvSequence> make_sequence() const = 0;
  // Cached keys are only valid within one regime: when the total number of tokens moves a sequence
  // to another, the caller clears the cache and prefills again from the first token.
  virtual int rope_regime(std::int64_t total_tokens) const = 0;
  // What the inputs refer to outlives the pass; a tap as well.
  virtual std::unique_ptr<ForwardPass> begin_forward(std::span<const StepInput> inputs,
                                                     const Tap* tap) const = 0;
  // The whole pass. → as ForwardPass::result()
  Tensor forward(std::span<const StepInput> inputs, const Tap* tap) const {
    const auto pass = begin_forward(inputs, tap);
    pass->step(pass->layers());
    return pass->result();
  }
  // All rows of image embeddings of a request, in picture order. → [sum of tokens, D]
  virtual Tensor join_images(std::span<const Tensor> embeds) const = 0;
};

}  // namespace oc
