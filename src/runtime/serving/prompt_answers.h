// Several prompts of one request: their answers become one.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/result.h"
#include "runtime/request.h"
#include "runtime/serving/request_entry.h"

namespace oc {

// Any thread. Hears of each prompt's pieces and, once, of its end.
class PromptAnswers {
 public:
  using OnPiece = std::function<void(const AnswerPiece&)>;
  using OnDone = std::function<void(Result<GenerateResult>)>;

  // `job` is that of all prompts, each of which has n answers. on_piece may be empty; on_done is
  // called once, when the last prompt has ended: with all answers, or the first error.
  PromptAnswers(std::size_t prompts, std::size_t n, std::shared_ptr<Job> job, OnPiece on_piece,
                OnDone on_done);

  void piece(std::size_t prompt, AnswerPiece piece);
  // An error ends the others.
  void done(std::size_t prompt, Result<GenerateResult> result);

 private:
  const std::size_t n_;
  const std::shared_ptr<Job> job_;
  const OnPiece on_piece_;
  const OnDone on_done_;
  std::mutex mutex_;  // guards what follows, and on_piece_
  std::size_t left_;
  std::vector<GenerateResult> answers_;
  std::optional<Error> failure_;
};

// The answers of several prompts as one; there is at least one.
GenerateResult joined(std::vector<GenerateResult> answers);

// An error of one prompt of several, which it calls "prompt[index]".
Error of_prompt(Error error, std::size_t index);

}  // namespace oc
