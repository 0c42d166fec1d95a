// What the user's own weights make of a question: whether it is right nobody has written down, but
// for a few published models; that it is language, and the same each time, can be seen.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "runtime/quantize/score.h"
#include "runtime/verify/check.h"
#include "runtime/verify/verify.h"

namespace oc {

// What the reference code has computed with published weights: of anchors.json in a golden set.
struct Anchor {
  std::string name;                // "SmolVLM2-500M-Video-Instruct"
  std::vector<std::string> repos;  // that have these very weights
  std::int64_t vocab_size = 0, width = 0;
  std::string question;  // words alone
  std::vector<TokenId> prompt_ids, greedy_ids;
  std::vector<std::pair<TokenId, float>> logits;  // of the last position of the prompt
  double deviation = 0;                           // of all of these logits
};
// Empty where the set has none. kCorrupt: a field is missing or of another type.
Result<std::vector<Anchor>> read_anchors(const std::filesystem::path& golden_set);

// "anchor": none where the anchor is for other sizes, another tokenizer or for weights in full
// precision and the model's are quantised. `repo`: where the files come from, if they are what it
// has. Only weights that are known to be the published ones can be wrong; others of their sizes, a
// fine-tune, are not compared where they differ.
std::optional<Check> check_anchor(const Model& model, const Anchor& anchor,
                                  const std::optional<std::string>& repo);

// "paragraph": the mean surprise over a fixed English text in nats a token. Random weights have
// ln V; above 0.7 · ln V is suspicious.
Check check_paragraph(const Model& model);

// "repeat" and "instructions": a greedy answer about a drawn picture, twice, and once more on
// another instruction set of the machine (cpu engine), fed with the same tokens.
std::vector<Check> check_repeats(const Model& model, const EngineOptions& options);

// A greedy answer with all that the model thought of it.
struct ThoughtAnswer {
  AnswerPath path;
  std::vector<std::vector<float>> logits;  // [steps][V]
};
// "instructions": the second answer went along with the first one's tokens, on the instruction set
// `other`. Logits are compared step by step, tokens up to the first step whose margin is smaller
// than the difference may turn.
Check compare_answers(const ThoughtAnswer& first, const ThoughtAnswer& second, const Model& model,
                      const std::string& other);

}  // namespace oc
