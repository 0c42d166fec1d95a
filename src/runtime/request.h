// One question and its answer, as values: what goes into generate() and what comes out.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/memory_budget.h"
#include "image/image.h"
#include "models/model.h"
#include "runtime/answer_progress.h"
#include "runtime/decode/sampler.h"

namespace oc {

// A picture of a request, decoded and upright.
struct RequestImage {
  std::shared_ptr<const Image> image;
  ImageOptions options = {};  // without request_knobs, which stand in the request
  std::string pixels = {};    // pixel_digest(); empty where there is no cache to look it up in
};

// A whole prompt as it is computed, without the model's template for conversations.
struct RawPrompt {
  std::string text;             // stands behind what the model's texts begin with ("<s>")
  bool control_tokens = false;  // "<|end|>" and the like in it are such, not text
  std::vector<TokenId> ids;     // instead of the text: all of the prompt
};

struct GenerateRequest {
  std::string id;           // for logs and x-request-id
  std::string client;       // what it shows as its key: whose streams these are
  std::string asker;        // who asks, whatever it shows: whose turns and places these are
  std::string cache_scope;  // caches are shared between requests of one scope only
  std::vector<Message> messages;
  std::vector<RequestImage> images;  // where ImagePart and FramesPart point
  // Instead of messages, about the only picture. One that finds_objects() is greedy and gives no
  // text; query and caption are answered like a chat.
  std::optional<Task> task = {};
  // Instead of messages; it has no pictures. The answer goes on from it, so that its first token
  // keeps the space in front of it.
  std::optional<RawPrompt> raw_prompt = {};
  // Others beside raw_prompt, in all else alike. Each is a job of its own, with n answers; that of
  // prompt p and choice c is answer p * n + c. All of them are answered, or none.
  std::vector<RawPrompt> more_prompts = {};
  KnobValues image_knobs = {};  // of all pictures; a model that lacks one refuses the request
  bool may_set_knobs = true;    // false: its API has no fields for them, and no error asks for one
  SamplingParams sampling;
  std::optional<int> max_tokens;                  // answer; nullopt: what is left of the context
  std::optional<std::int64_t> max_sequence = {};  // prompt and answer; nullopt: the context
  std::vector<std::string> stop;
  int n = 1;  // answers; answer i is drawn with seed + i
  bool logprobs = false;
  int top_logprobs = 0;  // 0 to 20
  // Not empty: nothing is generated, each of these is scored as the whole answer.
  std::vector<std::string> choices;
  // The answer is JSON that this schema, one of enforceable_schema(), allows; "": any JSON object.
  std::optional<std::string> json_schema;
  bool keep_order = false;
  // Nothing that outlives the process answers it: the engine is to be tried.
  bool compute_anew = false;
  int draft_tokens = 0;  // of a greedy answer, tried in a step (prompt lookup); 0: off
  // A live camera's frames: one that still waits when a newer one of the same key comes is answered
  // with kSuperseded.
  std::string stream_key;
  bool latest_wins = false;
  std::optional<std::chrono::steady_clock::time_point> deadline;
  // Whether nobody waits for the answer any more; any thread. May be empty.
  std::function<bool()> abandoned = {};
  OnProgress on_progress = {};  // may be empty
  // What its preparation takes for a while, and its ids for as long as it lives, is counted here;
  // null: nowhere.
  std::shared_ptr<MemoryBudget> memory;
};

enum class FinishReason { kStop, kLength };  // OpenAI's "stop" and "length"
enum class StopCause { kStopToken, kStopString, kMaxTokens, kContextFull, kMaxObjects };
std::string_view to_string(FinishReason reason);
std::string_view to_string(StopCause cause);
FinishReason finish_reason_of(StopCause cause);

// kInvalidArgument names the parameter: sampling, max_tokens below 0, a stop string that is not
// UTF-8, what a task that finds objects has no use for.
Result<void> check_request(const GenerateRequest& request);

// How the model is shown each of the request's pictures; frames of a video as ModelInfo::frames
// says. Errors: as of Model::plan_image, also where image_knobs are wrong and there is no picture;
// as of check_frames().
Result<std::vector<ImagePlan>> plan_images(const Model& model, const GenerateRequest& request);

struct Timings {
  double queue_ms = 0;       // waiting for the engine
  double preprocess_ms = 0;  // resize, tile, normalise
  double encode_ms = 0;      // vision tower and projector
  double prefill_ms = 0;     // the prompt; a prefill after a change of position regime is decode_ms
  double ttft_ms = 0;        // submit to first token
  double decode_ms = 0;      // first token to last
  double total_ms = 0;
  double decode_tokens_per_second = 0;
};

// A token as part of an answer's text.
struct ScoredToken {
  std::string bytes;     // perhaps not UTF-8 by themselves
  bool control = false;  // no text: it is not shown
  double logprob = 0;    // ln softmax of the raw logits: before bias, penalties and temperature
};
struct TokenLogprobs : ScoredToken {
  std::vector<ScoredToken> top;  // the most likely ones at its place, most likely first
};

struct Answer {
  std::string text;
  std::vector<TokenId> ids;  // produced, without the stop token
  FinishReason finish_reason = FinishReason::kStop;
  StopCause stop_cause = StopCause::kStopToken;
  std::optional<std::string> stop_string;  // which one hit
  std::optional<TokenId> stop_token;       // which one ended it
  std::optional<std::string> warning;      // e.g. why the text is empty
  std::uint64_t seed = 0;
  std::vector<TokenLogprobs> logprobs;    // of what is shown, when they were asked for
  std::vector<FoundObject> objects = {};  // of a task that finds them
};

// How likely the model would have been to give one of the request's choices as its whole answer.
struct ChoiceScore {
  std::string text;
  double logprob = 0;       // sum over its tokens and the end behind it, as TokenLogprobs
  double mean_logprob = 0;  // of these
  double probability = 0;   // among the choices
  std::int64_t tokens = 0;  // the end included
};

// The first answer; `more` are those behind it when n > 1, or when there are several prompts.
// Counts are those of all prompts, as scores are; timings are those of all of them together.
struct GenerateResult : Answer {
  std::vector<Answer> more;
  std::vector<ChoiceScore> scores;  // of the request's choices, in their order
  std::int64_t prompt_tokens = 0;
  std::int64_t image_tokens = 0;                         // of these
  std::int64_t cached_tokens = 0;                        // of these, not computed again
  std::int64_t completion_tokens = 0;                    // of all answers, stop tokens included
  std::int64_t drafted_tokens = 0, accepted_tokens = 0;  // of prompt lookup
  bool cached = false;                                   // a whole answer from the response cache
  // What it takes of the request's memory budget, to be kept until it has been sent; may be null.
  std::shared_ptr<Reservation> memory;
  std::vector<ImagePlan> images;
  Timings timings;
};

// Some more of one answer. Views, valid during the call.
struct AnswerPiece {
  std::string_view text;  // whole code points, stop strings held back
  std::size_t choice = 0;
  std::span<const TokenLogprobs> tokens = {};  // whose text has begun, when they were asked for
  bool whole = false;                          // all of the answer at once: it was known
};

// Where an answer goes while it grows. Called on the engine thread; must not block.
struct GenerateHooks {
  std::function<void(const AnswerPiece& piece)> on_piece = {};
  std::function<bool()> cancelled =
      {};  // asked between image tiles, prefill chunks and decode steps
};

}  // namespace oc
