#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <fstream>

#include "io/json.h"
#include "runtime/verify/expect.h"
#include "runtime/verify/verify.h"

namespace oc {
namespace {

namespace json = boost::json;

std::vector<TokenId> plain_ids(const json::value& value) {
  std::vector<TokenId> ids;
  for (const json::value& id : value.as_array()) ids.push_back(id.to_number<TokenId>());
  return ids;
}

void check_plain(const json::object& c, std::string_view at, const Tokenizer& tokenizer,
                 VerifyReport& report) {
  const std::vector<TokenId> ids = tokenizer.encode_with_bos(c.at("text").as_string(), true);
  report.equal("text.plain", at, ids == plain_ids(c.at("ids")), "other ids");
}

void check_decode(const json::object& c, std::string_view at, const Tokenizer& tokenizer,
                  VerifyReport& report) {
  const std::vector<TokenId> ids = plain_ids(c.at("ids"));
  for (const bool skip : {false, true}) {
    const std::string_view expected = c.at(skip ? "text_skip_special" : "text").as_string();
    report.equal("text.decode", at, tokenizer.decode(ids, skip) == expected, "other text");
    const std::unique_ptr<Detokenizer> incremental = tokenizer.detokenizer(skip);
    std::string streamed;
    for (const TokenId id : ids) incremental->push(id, streamed);
    incremental->flush(streamed);
    report.equal("text.stream", at, streamed == expected, "other text when streamed");
  }
}

Result<Prompt> chat_prompt(const json::object& c, const ImageOptions& options, const Model& model) {
  OC_ASSIGN_OR_RETURN(const std::vector<Message> messages, golden_messages(c.at("messages")));
  std::vector<ImagePlan> plans;
  for (const json::value& size : c.at("images").as_array()) {
    OC_ASSIGN_OR_RETURN(ImagePlan plan,
                        model.plan_image(size.as_array().at(0).to_number<int>(),
                                         size.as_array().at(1).to_number<int>(), options));
    plans.push_back(std::move(plan));
  }
  const std::optional<Task> task = golden_task(c, kMaxObjects);
  return model.build_prompt(
      messages, plans,
      {.trusted_text = true, .task = task ? &*task : nullptr, .revision = golden_revision(c)});
}

// A task about a picture of any size, without a conversation.
Result<Prompt> task_prompt(const json::object& c, const Model& model) {
  constexpr int kWidth = 640, kHeight = 480;
  const std::optional<Task> task = golden_task(c, kMaxObjects);
  if (!task) return Error{ErrorCode::kCorrupt, "golden case: no such task"};
  OC_RETURN_IF_ERROR(check_task(model.info().tasks, *task));
  OC_ASSIGN_OR_RETURN(const ImagePlan plan, model.plan_image(kWidth, kHeight, {}));
  return model.build_prompt({}, {&plan, 1}, {.task = &*task, .revision = golden_revision(c)});
}

void check_chat(const json::object& c, std::string_view kind, std::string_view at,
                const Model& model, VerifyReport& report) {
  const std::optional<ImageOptions> options = golden_options(c, model);
  if (!options) return;
  const Result<Prompt> prompt =
      kind == "chat_task" ? task_prompt(c, model) : chat_prompt(c, *options, model);
  if (kind != "chat" && kind != "chat_task") {
    report.equal("text.chat_error", at, !prompt.ok(), "accepted, should be refused");
    return;
  }
  if (!prompt.ok()) {
    report.equal("text.chat", at, false, prompt.error().message);
    return;
  }
  report.equal("text.chat", at, golden_ids(*prompt) == c.at("ids").as_array(), "other ids");
  report.equal("text.length", at,
               static_cast<std::int64_t>(prompt->ids.size()) == c.at("length").to_number<int>(),
               "other length");
}

}  // namespace

Result<std::vector<Message>> golden_messages(const json::value& messages) {
  std::vector<Message> out;
  for (const json::value& message : messages.as_array()) {
    const std::string_view name = message.at("role").as_string();
    const auto role = role_from_string(name);
    if (!role) return Error{ErrorCode::kCorrupt, fmt::format("golden case: role \"{}\"", name), ""};
    out.push_back({*role, {TextPart{std::string(message.at("content").as_string())}}});
  }
  return out;
}

std::optional<Task> golden_task(const json::object& c, int max_objects) {
  const json::value* const name = c.if_contains("task");
  if (name == nullptr || name->as_string() == "query") return std::nullopt;
  const std::string text(c.at("text").as_string());
  if (name->as_string() == "detect") return DetectTask{text, max_objects};
  if (name->as_string() == "point") return PointTask{text, max_objects};
  if (const auto length = caption_length_from_string(text);
      length && name->as_string() == "caption")
    return CaptionTask{*length};
  return std::nullopt;
}

std::string_view golden_revision(const json::object& c) {
  const json::value* const name = c.if_contains("revision");
  return name != nullptr ? std::string_view(name->as_string()) : std::string_view();
}

json::array golden_ids(const Prompt& prompt) {
  std::vector<std::int64_t> end;  // rows up to and including each picture
  std::int64_t rows = 0;
  for (const ImagePlan& image : prompt.images) end.push_back(rows += image.tokens);
  json::array out;
  std::int64_t open = 0, count = 0;  // the run being counted: picture number, length
  const auto close = [&] {
    if (count > 0) out.push_back(json::array{-open, count});
    count = 0;
  };
  for (const TokenId id : prompt.ids) {
    if (id >= 0) {
      close();
      out.emplace_back(id);
      continue;
    }
    const auto at = std::upper_bound(end.begin(), end.end(), std::int64_t{-1} - id);
    const std::int64_t picture = (at - end.begin()) + 1;
    if (count > 0 && picture != open) close();
    open = picture;
    ++count;
  }
  close();
  return out;
}

Result<bool> verify_text(const std::filesystem::path& goldens, const Model& model,
                         const VerifyOptions& options, VerifyReport& report) {
  const std::filesystem::path path = goldens / "text" / "cases.jsonl";
  if (!std::filesystem::exists(path)) return false;
  std::ifstream file(path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty()) continue;
    OC_ASSIGN_OR_RETURN(const json::value value,
                        parse_json(line, fmt::format("cases.jsonl:{}", number)));
    const auto check = [&]() -> Result<void> {
      const json::object& c = value.as_object();
      const std::string_view kind = c.at("kind").as_string();
      const std::string at = fmt::format("line {} ({})", number, kind);
      if (options.progress) options.progress("text", at);
      if (kind == "plain")
        check_plain(c, at, *model.tokenizer(), report);
      else if (kind == "decode")
        check_decode(c, at, *model.tokenizer(), report);
      else
        check_chat(c, kind, at, model, report);
      return {};
    };
    OC_RETURN_IF_ERROR(with_case(path.string(), fmt::format("line {}", number), check));
  }
  return true;
}

}  // namespace oc
