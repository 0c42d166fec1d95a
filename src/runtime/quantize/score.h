// Answers of two models compared: what a quantised model makes of the input model's answers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "image/image.h"
#include "models/model.h"
#include "runtime/quantize/report.h"

namespace oc {

struct ScoreQuestion {
  std::shared_ptr<const Image> image;  // may be null: words alone
  std::string name;                    // of the picture, for the report
  std::string text;
  ImageOptions options = {};
};

// A path through a model: the tokens taken, and what the model thought of each.
struct AnswerPath {
  std::vector<TokenId> ids;    // the stop token included, if it came
  std::vector<TokenId> first;  // the model's own first choice at each place
  double logprob = 0;          // sum over ids, natural logarithm
};

// Asks for at most `max_tokens` tokens, greedily (ids without a token are never chosen); or, when
// `forced` is not empty, follows its tokens. One prompt, one sequence, on the calling thread, which
// must be the only one on the model's engine. `on_logits` sees the raw logits [V] of each place.
// Errors: as generate().
Result<AnswerPath> follow(const Model& model, const ScoreQuestion& question, int max_tokens,
                          std::span<const TokenId> forced,
                          const std::function<bool()>& cancelled = {},
                          const std::function<void(std::span<const float>)>& on_logits = {});

// Both models must have the same vocabulary: OC_CHECK.
ImageScore score(const ScoreQuestion& question, const Tokenizer& tokenizer, const AnswerPath& input,
                 const AnswerPath& output);

}  // namespace oc
