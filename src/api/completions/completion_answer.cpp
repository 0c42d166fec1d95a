#include "api/completions/completion_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "api/logprobs_json.h"
#include "api/openai/answer_parts.h"
#include "api/openai/errors.h"
#include "api/sse.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::string_view kTextCompletion = "text_completion", kDone = "data: [DONE]\n\n";

// Code points that begin in these bytes.
std::int64_t characters(std::string_view bytes) {
  return std::ranges::count_if(bytes, [](char c) { return (c & 0xc0) != 0x80; });
}

// OpenAI's older form: lists side by side. A token at a time, since as JSON values many of them
// would take several times their text. `offset`: characters of the answer's text in front of them,
// and afterwards behind them.
std::string logprobs_lists(std::span<const TokenLogprobs> tokens, std::int64_t& offset) {
  std::string texts, numbers, tops, offsets;
  for (const TokenLogprobs& token : tokens) {
    const char* comma = &token == &tokens.front() ? "" : ",";
    texts += comma + json_quoted(token_text(token));
    const double logprob = logprob_number(token.logprob);
    numbers += comma + json_text(json::value(logprob));
    json::object top;
    for (const ScoredToken& other : token.top)
      top.insert({{token_text(other), logprob_number(other.logprob)}});
    top[token_text(token)] = logprob;
    tops += comma + json_text(top);
    offsets += fmt::format("{}{}", comma, offset);
    if (!token.control) offset += characters(token.bytes);
  }
  return fmt::format(
      R"({{"tokens":[{}],"token_logprobs":[{}],"top_logprobs":[{}],"text_offset":[{}]}})", texts,
      numbers, tops, offsets);
}

class CompletionWriter final : public AnswerWriter {
 public:
  CompletionWriter(const ChatRequest& request, AnswerStart start)
      : head_(make_answer_head(start.model, std::move(start.id), start.created)),
        logprobs_(request.generate.logprobs),
        include_usage_(request.include_usage),
        n_(static_cast<std::size_t>(request.generate.n)),
        offsets_((request.generate.more_prompts.size() + 1) * n_) {
    head_.warning = start.warning;
    if (request.echo) {
      echoes_.push_back(request.generate.raw_prompt->text);
      for (const RawPrompt& prompt : request.generate.more_prompts) echoes_.push_back(prompt.text);
    }
    prefix_ = head_json(head_, kTextCompletion);
    prefix_.pop_back();  // the closing brace
  }

  std::string whole(const GenerateResult& result) override {
    std::string out = prefix_ + R"(,"choices":[)";
    append_choice(out, result, 0);
    for (std::size_t i = 0; i < result.more.size(); ++i) {
      out += ',';
      append_choice(out, result.more[i], i + 1);
    }
    out += R"(],"usage":)" + completion_usage_json(result) + '}';
    return with_details(std::move(out), result, warning_with_all(head_.warning, result));
  }

  void head(std::string& out) override {
    for (std::size_t i = 0; i < offsets_.size(); ++i)
      if (const std::string_view echo = echo_of(i); !echo.empty())
        append_chunk(out, i, echo, "null");
  }

  void piece(std::string& out, const AnswerPiece& piece) override {
    if (piece.text.empty() && piece.tokens.empty()) return;
    append_chunk(
        out, piece.choice, piece.text,
        piece.tokens.empty() ? "null" : logprobs_lists(piece.tokens, offsets_[piece.choice]));
  }

  void end(std::string& out, const GenerateResult& result) override {
    for (std::size_t i = 0; i < result.more.size(); ++i) {
      std::string last = chunk(i + 1, "", "null", to_string(result.more[i].finish_reason));
      if (result.more[i].warning)
        last = with_field(std::move(last), "warning", json_quoted(*result.more[i].warning));
      append_sse_event(out, last);
    }
    append_sse_event(out, with_details(chunk(0, "", "null", to_string(result.finish_reason)),
                                       result, warning_with(head_.warning, result)));
    if (include_usage_) append_sse_event(out, usage_chunk_json(head_, kTextCompletion, result));
    out += kDone;
  }

  void error(std::string& out, const ApiError& error) override {
    append_sse_event(out, json_text(openai_error(error)));
    out += kDone;
  }

 private:
  static std::string with_details(std::string out, const GenerateResult& result,
                                  const std::string& warning) {
    if (!warning.empty()) out = with_field(std::move(out), "warning", json_quoted(warning));
    return with_field(std::move(out), "ocellus", completion_details_json(result));
  }

  void append_choice(std::string& out, const Answer& answer, std::size_t index) const {
    std::int64_t offset = 0;
    fmt::format_to(std::back_inserter(out),
                   R"({{"index":{},"text":{},"logprobs":{},"finish_reason":"{}"}})", index,
                   json_quoted(std::string(echo_of(index)) + answer.text),
                   logprobs_ ? logprobs_lists(answer.logprobs, offset) : "null",
                   to_string(answer.finish_reason));
  }

  std::string_view echo_of(std::size_t choice) const {
    return echoes_.empty() ? std::string_view() : echoes_[choice / n_];
  }

  // finish_reason: empty where it goes on.
  std::string chunk(std::size_t index, std::string_view text, std::string_view logprobs,
                    std::string_view finish_reason) const {
    return fmt::format(
        R"({},"choices":[{{"index":{},"text":{},"logprobs":{},"finish_reason":{}}}]{}}})", prefix_,
        index, json_quoted(text), logprobs,
        finish_reason.empty() ? "null" : json_quoted(finish_reason),
        include_usage_ ? R"(,"usage":null)" : "");
  }
  void append_chunk(std::string& out, std::size_t index, std::string_view text,
                    std::string_view logprobs) const {
    append_sse_event(out, chunk(index, text, logprobs, ""));
  }

  AnswerHead head_;
  const bool logprobs_, include_usage_;
  const std::size_t n_;                // answers to each prompt
  std::vector<std::int64_t> offsets_;  // of each answer: where its next token begins
  std::vector<std::string> echoes_;    // of each prompt: stands in front of its answers
  std::string prefix_;                 // of every document: up to "choices"
};

}  // namespace

std::unique_ptr<AnswerWriter> completion_writer(const ChatRequest& request, AnswerStart start) {
  return std::make_unique<CompletionWriter>(request, std::move(start));
}

}  // namespace oc
