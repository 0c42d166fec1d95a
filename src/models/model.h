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
#include "models/image_plan.h"
#include "models/message.h"
#include "models/prompt_blocks.h"
#include "models/task.h"
#include "models/video_frames.h"
#include "ops/engine.h"
#include "ops/taps.h"
#include "text/tokenizer.h"

namespace oc {

struct ModelInfo {
  std::string architecture;  // "phi3_v"
  std::string path;          // folder; never shown to clients
  WeightType weights;        // of the decoder's matrices
  std::size_t weights_bytes = 0;
  std::int64_t vocab_size = 0;       // V, width of the logits
  std::int64_t context_length = 0;   // most tokens of prompt + answer
  std::int64_t width = 0;            // D, of a picture's rows
  std::vector<TokenId> stop_ids;     // every id that ends an answer
  std::vector<TokenId> banned_ids;   // never produced: ids_without_token(), and a family's markers
  std::vector<ImageKnob> knobs;      // of its way with pictures
  std::optional<FrameRules> frames;  // of videos; nullopt: it is shown none
  std::string fingerprint;           // hex digest over config and tensor directory
  // What a step must at least do, for benchmarks: weights read for a decoded token; operations (a
  // product and a sum are two) for a token of the prompt, the head left out, and for a view of a
  // picture, attention included.
  std::size_t token_bytes = 0;
  std::size_t kv_token_bytes = 0;  // keys and values of one token, in the engine's cache
  double token_ops = 0;
  double view_ops = 0;
  int class_tokens = 0;  // rows of a view's hidden states in front of its patches
  TaskSupport tasks;     // beside conversations
  // What was assumed of the checkpoint, or is not verified, a sentence each: for whoever loads it
  // to use it.
  std::vector<std::string> notes;
};

// A picture for measurements and rehearsals: of this size and with these options the vision tower
// runs so often.
struct SampleImage {
  int width = 0, height = 0;
  ImageOptions options;
  int tower_runs = 0;
};

struct PromptOptions {
  bool keep_order = false;    // leave pictures where they stand among the text parts
  bool trusted_text = false;  // text may contain control tokens and the goldens' tags of pictures
  // The most ids that are wanted: text that is sure to have more is not tokenised. Not for trusted
  // text.
  std::int64_t room = std::numeric_limits<std::int64_t>::max();
  // Instead of messages: its own prompt about the only picture. One that check_task() allows.
  const Task* task = nullptr;
  // Golden data: as of this revision of the model's, where there are several.
  std::string_view revision = {};
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
  // What the model is not shown of the messages, for who asked; empty: nothing.
  std::string warning = {};
};

// Finds a task's objects behind its prompt, position by position. What a step gives leads to what
// the next position is; no token is. Engine thread.
class ObjectDecoding {
 public:
  virtual ~ObjectDecoding() = default;
  // Whether next() reads logits of the position that is computed next; of the prompt's last one it
  // does.
  virtual bool wants_logits() const = 0;
  // Of the last position: logits [V], where they are wanted, and hidden state [1, D]. → the next
  // position's embedding [1, D]; empty: there is no next one. kInternal: its head gave no number.
  virtual Result<Tensor> next(std::span<const float> logits, const Tensor& hidden) = 0;
  virtual std::span<const FoundObject> objects() const = 0;  // those that are whole
  // Behind the last one: with which token the model has ended; nullopt: the task's max_objects were
  // found, and it would have gone on.
  virtual std::optional<TokenId> stop_token() const = 0;
};

struct ObjectOptions {
  const Tap* tap = nullptr;        // sees what its head says: "objects.…", and what is fed next
  std::string_view revision = {};  // as of PromptOptions
  bool past_end = false;           // golden data: up to the task's max_objects in any case
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
// position_regime().
struct StepInput {
  KvSequence* kv = nullptr;
  std::span<const TokenId> ids;
  const Tensor* image_rows = nullptr;  // [sum of tokens, D] for negative ids; may be null
  int regime = 0;
  // False: no logits are wanted, of the last row ForwardPass::hidden() alone.
  bool logits = true;
  // Else the rows of `ids` whose logits are; empty: the last one only.
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
  // rows, input after input, [S, V]. Where nobody wants any: no tensor, and a lazy engine has
  // computed the step.
  virtual Tensor result() = 0;
  // Behind result(): what the last layer gave of these rows, and of the last row of each input that
  // wants no logits, input after input, [R, D]. Only for a model that finds objects.
  virtual Tensor hidden() { return {}; }
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

  // Errors: as of knob_values(), and for a size that cannot be shown.
  virtual Result<ImagePlan> plan_image(int width, int height,
                                       const ImageOptions& options) const = 0;
  // That with `tower_runs`, or about as many where that cannot be.
  virtual SampleImage sample_image(int tower_runs) const = 0;
  // The chat template, generation prompt appended unless the last turn is the assistant's.
  // images[i] is the plan of picture i; every picture must be used exactly once.
  virtual Result<Prompt> build_prompt(std::span<const Message> messages,
                                      std::span<const ImagePlan> images,
                                      const PromptOptions& options) const = 0;
  // Preprocesses on the calling thread (any), as long as it may; steps run on the engine thread.
  virtual Result<std::unique_ptr<ImageEncoding>> begin_image(
      const Image& image, const ImagePlan& plan, const Tap* tap,
      const Interrupt& interrupt = {}) const = 0;

  virtual std::unique_ptr<KvSequence> make_sequence() const = 0;
  // How positions enter the keys of a sequence of so many tokens: a model may count them otherwise
  // in long sequences than in short ones (longrope's two lists of factors). Cached keys are only
  // valid within one regime: when its length moves a sequence to another, the caller clears the
  // cache and prefills again from the first token.
  virtual int position_regime([[maybe_unused]] std::int64_t total_tokens) const { return 0; }
  // What the inputs refer to outlives the pass; a tap as well.
  virtual std::unique_ptr<ForwardPass> begin_forward(std::span<const StepInput> inputs,
                                                     const Tap* tap) const = 0;
  // The whole pass. → as ForwardPass::result(), and as ForwardPass::hidden() where that is wanted
  Tensor forward(std::span<const StepInput> inputs, const Tap* tap,
                 Tensor* hidden = nullptr) const {
    const auto pass = begin_forward(inputs, tap);
    pass->step(pass->layers());
    Tensor logits = pass->result();
    if (hidden != nullptr) *hidden = pass->hidden();
    return logits;
  }
  // A task that finds_objects(), one that info().tasks has. The model outlives it.
  virtual std::unique_ptr<ObjectDecoding> begin_objects(
      [[maybe_unused]] const Task& task, [[maybe_unused]] const ObjectOptions& options) const {
    return nullptr;
  }
  // All rows of image embeddings of a request, in picture order. → [sum of tokens, D]
  virtual Tensor join_images(std::span<const Tensor> embeds) const = 0;
};

}  // namespace oc
