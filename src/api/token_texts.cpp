#include "api/token_texts.h"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <iterator>
#include <limits>
#include <utility>

#include "api/json_fields.h"
#include "base/memory_full.h"
#include "base/utf8.h"
#include "io/counted_memory.h"
#include "io/json.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;
using enum FieldType;
using namespace field_rows;

constexpr double kMaxBytes = 1 << 20, kMaxIds = 100'000;

constexpr RequestField kWhoseTokens = within("model", kString, 0, 4096, "whose tokens");
constexpr RequestField kContent =
    within("content", kString, 0, kMaxBytes, "the text, by llama.cpp's name");
constexpr RequestField kPrompt =
    within("prompt", kString, 0, kMaxBytes, "the text, by vLLM's name");
constexpr std::array kTokenizeFields = {
    kWhoseTokens,
    kContent,
    kPrompt,
    kept("add_special", kBoolean, "with what the model's texts begin with"),
    kept("add_special_tokens", kBoolean, "the same by vLLM's name"),
    kept("parse_special", kBoolean, "false: control tokens in the text are text"),
    kept("with_pieces", kBoolean, "each token with its piece of the text"),
    kept("return_token_strs", kBoolean, "the tokens' own texts beside them"),
};
constexpr RequestField kTokens = within("tokens", kArray, 0, kMaxIds, "ids", "token ids");
constexpr RequestField kToken = within("tokens[]", kInteger, 0, kMaxInt, "one of the model's");
constexpr std::array kDetokenizeFields = {kWhoseTokens, kTokens, kToken};

std::vector<std::string_view> names_of(std::span<const RequestField> fields) {
  std::vector<std::string_view> out;
  for (const RequestField& field : fields) out.push_back(field.name);
  return out;
}

// What `read` makes of the body's fields, in memory that is counted.
template <class Request>
Result<Request> read_body(std::string&& body, Reservation& memory,
                          const std::function<Result<Request>(const JsonFields&)>& read) {
  constexpr JsonLimits kLimits{.depth = 8, .values = static_cast<std::size_t>(kMaxIds) + 100};
  CountedMemory counted(memory);
  OC_ASSIGN_OR_RETURN(const json::value document, parse_json(body, "body", kLimits, &counted));
  std::string().swap(body);
  if (document.is_object()) return read(JsonFields(document.get_object(), ""));
  Error error = wrong_value("body", "a JSON object", document);
  error.param.clear();
  return error;
}

Result<std::string> model_of_tokens(const JsonFields& fields) {
  OC_ASSIGN_OR_RETURN(const auto model, fields.string(kWhoseTokens));
  return std::string(model.value_or(""));
}

Result<TokenizeRequest> read_tokenize(const JsonFields& fields) {
  if (fields.find("messages") != nullptr)
    return Error{ErrorCode::kUnsupported, "\"messages\" are not tokenised here",
                 "POST /v1/images/plan counts the tokens of a conversation", "messages"};
  OC_RETURN_IF_ERROR(fields.only(names_of(kTokenizeFields)));
  TokenizeRequest out;
  OC_ASSIGN_OR_RETURN(out.model, model_of_tokens(fields));
  OC_ASSIGN_OR_RETURN(const auto content, fields.string(kContent));
  OC_ASSIGN_OR_RETURN(const auto prompt, fields.string(kPrompt));
  if (content && prompt)
    return Error{ErrorCode::kInvalidArgument, "\"content\" and \"prompt\" are both given",
                 "send one of them", "prompt"};
  if (!content && !prompt)
    return Error{ErrorCode::kInvalidArgument, "\"content\" is missing",
                 "the text, by llama.cpp's name, or as vLLM's \"prompt\"", "content"};
  out.text = std::string(content ? *content : prompt.value_or(""));
  // As each server has it where nothing is said: llama.cpp leaves the beginning out, vLLM does not.
  out.begin = prompt.has_value();
  for (const auto& [key, wanted] :
       {std::pair{"add_special", &out.begin}, std::pair{"add_special_tokens", &out.begin},
        std::pair{"parse_special", &out.control}, std::pair{"with_pieces", &out.pieces},
        std::pair{"return_token_strs", &out.texts}}) {
    OC_ASSIGN_OR_RETURN(const auto said, fields.boolean(key));
    if (said) *wanted = *said;
  }
  return out;
}

Result<DetokenizeRequest> read_detokenize(const JsonFields& fields) {
  OC_RETURN_IF_ERROR(fields.only(std::to_array({kWhoseTokens.name, kTokens.name})));
  DetokenizeRequest out;
  OC_ASSIGN_OR_RETURN(out.model, model_of_tokens(fields));
  OC_ASSIGN_OR_RETURN(const json::array* tokens, fields.array(kTokens));
  if (tokens == nullptr)
    return Error{ErrorCode::kInvalidArgument, "\"tokens\" is missing",
                 "the ids, as POST /tokenize gives them", "tokens"};
  for (std::size_t i = 0; i < tokens->size(); ++i) {
    const json::value& token = (*tokens)[i];
    const std::int64_t id = token.is_int64() ? token.get_int64() : whole_number(token).value_or(-1);
    if (id < 0 || id > std::numeric_limits<TokenId>::max())
      return wrong_value(fmt::format("tokens[{}]", i), expected(kToken), token);
    out.ids.push_back(static_cast<TokenId>(id));
  }
  return out;
}

// A token need not be whole characters: llama.cpp then gives its bytes.
std::string piece_json(std::string_view bytes) {
  if (is_utf8(bytes)) return json_quoted(bytes);
  std::string out = "[";
  for (const char c : bytes)
    fmt::format_to(std::back_inserter(out), "{}{}", out.size() > 1 ? "," : "",
                   static_cast<unsigned char>(c));
  return out + "]";
}

}  // namespace

std::span<const RequestField> tokenize_fields() { return kTokenizeFields; }
std::span<const RequestField> detokenize_fields() { return kDetokenizeFields; }

Result<TokenizeRequest> parse_tokenize(std::string&& body, Reservation& memory) {
  return read_body<TokenizeRequest>(std::move(body), memory, read_tokenize);
}

Result<DetokenizeRequest> parse_detokenize(std::string&& body, Reservation& memory) {
  return read_body<DetokenizeRequest>(std::move(body), memory, read_detokenize);
}

Result<std::string> tokens_json(const TokenizeRequest& request, const Tokenizer& tokenizer,
                                std::int64_t context_length, Reservation& memory) {
  // A byte has one token at most, which is written with its piece and its text.
  const std::size_t written = request.pieces || request.texts ? 96 : 16;
  if (!memory.grow_to(memory.bytes() + tokenizer.encode_memory(request.text) +
                      request.text.size() * written))
    return memory_full();
  const std::vector<TokenId> ids = request.begin
                                       ? tokenizer.encode_with_bos(request.text, request.control)
                                       : tokenizer.encode(request.text, request.control);
  std::string out = R"({"tokens":[)", texts;
  for (const TokenId& id : ids) {
    const bool first = &id == ids.data();
    if (!first) out += ',';
    if (request.pieces)
      fmt::format_to(std::back_inserter(out), R"({{"id":{},"piece":{}}})", id,
                     piece_json(tokenizer.bytes_of(id)));
    else
      fmt::format_to(std::back_inserter(out), "{}", id);
    if (!request.texts) continue;
    if (!first) texts += ',';
    texts += json_quoted(tokenizer.token(id).value_or(""));
  }
  fmt::format_to(std::back_inserter(out), R"(],"count":{},"max_model_len":{})", ids.size(),
                 context_length);
  if (request.texts) out += R"(,"token_strs":[)" + texts + "]";
  return out + "}";
}

Result<std::string> text_json(const DetokenizeRequest& request, const Tokenizer& tokenizer) {
  for (std::size_t i = 0; i < request.ids.size(); ++i)
    if (request.ids[i] >= tokenizer.vocab_size())
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"tokens[{}]\" is {}; the model's ids end at {}", i, request.ids[i],
                               tokenizer.vocab_size() - 1),
                   "", fmt::format("tokens[{}]", i)};
  const std::string text = json_quoted(tokenizer.decode(request.ids, false));
  return fmt::format(R"({{"content":{0},"prompt":{0}}})", text);
}

}  // namespace oc
