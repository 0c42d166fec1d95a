// Prompts, by what people send. Golden ids are in tests/parity.
#include "models/moondream/prompt.h"

#include <gtest/gtest.h>

#include "io/json_text.h"
#include "models/moondream/synth_config.h"
#include "text/registry.h"

namespace oc {
namespace {

const boost::json::object& file(std::string_view name) {
  static const SynthCheckpoint checkpoint = synth_moondream("moondream2-tiny", 0);
  for (const auto& [of, object] : checkpoint.files)
    if (of == name) return object;
  return checkpoint.files.front().second;
}
const Tokenizer& tokenizer() {
  static const std::shared_ptr<const Tokenizer> made =
      parse_tokenizer_json(json_text(file("tokenizer.json")), "tokenizer.json").value();
  return *made;
}
const MoondreamConfig& config() {
  static const MoondreamConfig parsed =
      parse_moondream_config(file("config.json"), {&kMoondreamRevisions[0], "a test"}).value();
  return parsed;
}
ImagePlan picture() {
  ImagePlan plan;
  plan.tokens = static_cast<int>(config().image_rows());
  return plan;
}

Message user(std::vector<Part> parts) { return {Role::kUser, std::move(parts)}; }

Result<Prompt> build(const std::vector<Message>& messages, std::size_t pictures,
                     const PromptOptions& options = {}) {
  const std::vector<ImagePlan> plans(pictures, picture());
  return build_moondream_prompt(tokenizer(), config(), messages, plans, options);
}

// Ids behind the picture; <N> is a template's own.
std::string behind(const Result<Prompt>& prompt) {
  if (!prompt.ok()) return prompt.error().message;
  std::string out;
  for (std::size_t i = 1 + static_cast<std::size_t>(config().image_rows()); i < prompt->ids.size();
       ++i) {
    const TokenId id = prompt->ids[i];
    out += id == 198 || id >= 300 || id == 25 ? "<" + std::to_string(id) + ">"
                                              : tokenizer().bytes_of(id);
  }
  return out;
}

TEST(MoondreamPrompt, AQuestionAboutAPicture) {
  const auto prompt = build({user({ImagePart{0}, TextPart{"What?"}})}, 1);
  ASSERT_TRUE(prompt.ok()) << prompt.error().describe();
  EXPECT_EQ(prompt->ids[0], config().prompts.bos);
  EXPECT_EQ(prompt->ids[1], -1);
  EXPECT_EQ(prompt->ids[36], -36);
  EXPECT_EQ(behind(prompt), "<198><198><300><25>What?<198><198><301><25>");
  EXPECT_EQ(prompt->blocks, (std::vector<TokenRange>{{0, 37}}));
  EXPECT_EQ(prompt->warning, "");
}

TEST(MoondreamPrompt, CaptionsAreAskedForInTheModelsWords) {
  const std::string normal = "<198><198><305><306><25>", brief = "<198><198><304><305><25>";
  const auto asked = [](const char* text) {
    return behind(build({user({ImagePart{0}, TextPart{text}})}, 1));
  };
  EXPECT_EQ(behind(build({user({ImagePart{0}})}, 1)), normal);
  EXPECT_EQ(asked(" \n"), normal);
  EXPECT_EQ(asked("Caption:"), normal);
  EXPECT_EQ(asked("Short caption:\n"), brief);
  EXPECT_NE(asked("Long caption:").find("no long captions"), std::string::npos);
  EXPECT_EQ(asked("caption:"), "<198><198><300><25>caption<25><198><198><301><25>");
}

TEST(MoondreamPrompt, TheNewestPictureAndTheLastQuestion) {
  const auto prompt = build({{Role::kSystem, {TextPart{"Be brief."}}},
                             user({ImagePart{0}, TextPart{"One?"}}),
                             {Role::kAssistant, {TextPart{"One."}}},
                             user({ImagePart{1}, TextPart{"And this?"}}),
                             {Role::kAssistant, {TextPart{"Two."}}},
                             user({TextPart{"Sure?"}})},
                            2);
  ASSERT_TRUE(prompt.ok()) << prompt.error().describe();
  EXPECT_EQ(prompt->ids[1], -37) << "the second picture";
  EXPECT_EQ(behind(prompt), "<198><198><300><25>Sure?<198><198><301><25>");
  EXPECT_EQ(prompt->warning,
            "this model answers one question about one picture: 4 earlier turns, the system text, "
            "1 older picture left out");
}

TEST(MoondreamPrompt, WhatItCannotAnswer) {
  EXPECT_EQ(build({user({ImagePart{0}, ImagePart{1}, TextPart{"Which?"}})}, 2).error().message,
            "a message has 2 pictures, this model sees one");
  EXPECT_FALSE(build({user({TextPart{"Hi"}})}, 0).ok());
  EXPECT_FALSE(build({}, 0).ok());
  EXPECT_FALSE(
      build({user({ImagePart{0}, TextPart{"a"}}), {Role::kAssistant, {TextPart{"b"}}}}, 1).ok());
}

TEST(MoondreamPrompt, TasksHaveTheirOwn) {
  const auto of = [](const Task& task, std::string_view revision = {}) {
    return behind(build({}, 1, {.task = &task, .revision = revision}));
  };
  EXPECT_EQ(of(QueryTask{"Why?"}), "<198><198><300><25>Why?<198><198><301><25>");
  EXPECT_EQ(of(QueryTask{"Why?"}, "2025-04-14"), "<198><198><300><25> Why?<198><198><301><25>");
  EXPECT_EQ(of(CaptionTask{CaptionLength::kShort}), "<198><198><304><305><25>");
  EXPECT_EQ(of(DetectTask{"dog"}), "<198><198><302><25>dog\n\n");
  EXPECT_EQ(of(DetectTask{"dog"}, "2025-06-21"), "<198><198><302><25> dog\n\n");
  EXPECT_EQ(of(PointTask{"dog"}), "<198><198><303><25>dog\n\n");
}

TEST(MoondreamPrompt, WithoutARegionHeadThereAreNoObjects) {
  const TaskSupport support = moondream_tasks(config(), false);
  EXPECT_TRUE(check_task(support, QueryTask{"x"}).ok());
  const auto refused = check_task(support, DetectTask{"dog"});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().message.find("no region head"), std::string::npos);
  EXPECT_TRUE(check_task(moondream_tasks(config(), true), PointTask{"dog"}).ok());
}

}  // namespace
}  // namespace oc
