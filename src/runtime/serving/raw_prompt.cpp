#include "runtime/serving/raw_prompt.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

namespace oc {
namespace {

Result<void> check_ids(const Model& model, std::span<const TokenId> ids) {
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (ids[i] < 0 || ids[i] >= model.info().vocab_size || !model.tokenizer()->token(ids[i]))
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"prompt[{}]\" is {}, which is no token of the model", i, ids[i]),
                   "POST /tokenize gives the ids of a text", fmt::format("prompt[{}]", i)};
  return {};
}

}  // namespace

Result<Prompt> build_raw_prompt(const Model& model, const RawPrompt& raw, std::int64_t room) {
  const Tokenizer& tokenizer = *model.tokenizer();
  Prompt prompt;
  if (!raw.ids.empty()) {
    OC_RETURN_IF_ERROR(check_ids(model, raw.ids));
    prompt.ids = raw.ids;
    return prompt;
  }
  const std::size_t longest = tokenizer.longest_token();
  const std::size_t least = (tokenizer.normalised_bytes(raw.text) + longest - 1) / longest;
  if (std::cmp_greater(least, room)) {
    prompt.too_many = static_cast<std::int64_t>(least);
    return prompt;
  }
  prompt.ids = tokenizer.encode(raw.text, raw.control_tokens);
  const std::optional<TokenId> bos = tokenizer.bos();
  if (bos && (prompt.ids.empty() || prompt.ids.front() != *bos))
    prompt.ids.insert(prompt.ids.begin(), *bos);
  if (prompt.ids.empty())
    return Error{ErrorCode::kInvalidArgument, "\"prompt\" is empty",
                 "the model has no token that a text begins with: send some text", "prompt"};
  return prompt;
}

}  // namespace oc
