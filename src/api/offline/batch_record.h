// What a batch writes about each item. The order of the records is that of the items, so that the
// records that are there say where to go on.
#pragma once

#include <string>
#include <string_view>

#include "api/offline/answerer.h"
#include "api/offline/batch_source.h"
#include "api/offline/picture_question.h"

namespace oc {

// An item and what became of it: `reply`, unless the item itself is wrong, or its picture is.
struct BatchResult {
  BatchItem item;
  ChatReply reply;
  ReadReply read;  // of the reply; its error also tells what was wrong with the item
  bool failed() const { return !read.answer; }
};

// Of kPictures and kList: the line's fields, then "question", and "answer", "finish_reason",
// "prompt_tokens", "completion_tokens", or "error": {"code", "message"}. `as_json`: an answer that
// is JSON stands there once more, as "json". The line's own field of such a name is "line_answer".
std::string picture_record(const BatchResult& result, bool as_json);
// As a CSV row: image, question, answer, finish_reason, prompt_tokens, completion_tokens, error;
// texts by csv_text(). A line's own fields are not in it.
std::string csv_head();
std::string csv_record(const BatchResult& result);
// Of kRequests, as OpenAI writes it: "id", "custom_id", "response": {"status_code", "request_id",
// "body"}, "error".
std::string request_record(const BatchResult& result);

// Of a record of an earlier run: whether its item was answered. kInvalidArgument: it is about
// another item, and says which.
Result<bool> check_record(std::string_view record, BatchKind kind, const BatchItem& item);
Result<bool> check_csv_record(std::string_view record, const BatchItem& item);

}  // namespace oc
