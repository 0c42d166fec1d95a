#include "api/offline/batch_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

class BatchSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = scratch_path_of_test("batch");
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "sub");
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string file(const std::string& name, std::string_view text = "x") const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  // Names below the folder.
  std::vector<std::string> found(const std::vector<std::string>& words, bool recursive = false) {
    const auto inputs = find_inputs(words, recursive);
    if (!inputs.ok()) return {"error: " + inputs.error().message};
    std::vector<std::string> out;
    for (const std::string& picture : inputs->pictures)
      out.push_back(fs::path(picture).lexically_relative(folder_).string());
    return out;
  }
  static BatchSource open(const std::string& lines, std::string_view question = {}) {
    auto inputs = find_inputs({lines}, false);
    EXPECT_TRUE(inputs.ok());
    std::optional<TextTemplate> text;
    if (!question.empty()) text = *TextTemplate::parse(question);
    auto source = BatchSource::open(*inputs, text);
    EXPECT_TRUE(source.ok()) << source.error().describe();
    return *std::move(source);
  }

  fs::path folder_;
};

TEST_F(BatchSourceTest, AFoldersPicturesByName) {
  for (const char* name : {"b10.jpg", "b2.PNG", "notes.txt", ".hidden.jpg", "sub/c.webp", "a.heic"})
    file(name);
  EXPECT_EQ(found({folder_.string()}), (std::vector<std::string>{"a.heic", "b2.PNG", "b10.jpg"}));
  EXPECT_EQ(found({folder_.string()}, true),
            (std::vector<std::string>{"a.heic", "b2.PNG", "b10.jpg", "sub/c.webp"}));
}

TEST_F(BatchSourceTest, PatternsListsAndNames) {
  for (const char* name : {"b10.jpg", "b2.jpg", "c.png"}) file(name);
  const std::string at = folder_.string();
  EXPECT_EQ(found({at + "/b*.jpg"}), (std::vector<std::string>{"b2.jpg", "b10.jpg"}));
  EXPECT_EQ(found({at + "/c.png", at + "/none.jpg"}),
            (std::vector<std::string>{"c.png", "none.jpg"}));
  EXPECT_EQ(found({file("list.txt", "c.png\r\n\nsub/d.jpg\n")}),
            (std::vector<std::string>{"c.png", "sub/d.jpg"}));
  EXPECT_TRUE(found({at + "/*.gif"}).front().starts_with("error: no file is called like"));
  EXPECT_TRUE(found({at + "/sub"}).front().starts_with("error: there are no pictures"));
  EXPECT_TRUE(found({file("a.jsonl", "{}"), at}).front().starts_with("error: "));
}

TEST_F(BatchSourceTest, OneQuestionAboutAll) {
  BatchInputs inputs;
  inputs.pictures = {"in/a.jpg", "in/caf\xE9.png"};
  auto source =
      BatchSource::open(inputs, *TextTemplate::parse("{index} {file} {name} {stem} {folder}"));
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(source->count(), 2u);
  const auto first = **source->next();
  EXPECT_EQ(first.question, "1 in/a.jpg a.jpg a in");
  EXPECT_EQ(source->share(), 0.5);
  const auto second = **source->next();
  EXPECT_EQ(second.file, "in/caf\xE9.png");
  EXPECT_EQ(second.fields.at("image").get_string(), "in/caf\xEF\xBF\xBD.png");
  EXPECT_FALSE((*source->next()).has_value());
  EXPECT_EQ(source->share(), 1);
  EXPECT_FALSE(BatchSource::open(inputs, std::nullopt).ok());
}

TEST_F(BatchSourceTest, AListSaysItsQuestions) {
  const std::string lines = file("list.jsonl",
                                 "{\"image\": \"a.png\", \"question\": \"What?\", \"id\": 7}\n\n"
                                 "{\"image\": \"b.png\"}\nnonsense\n[]\n{\"question\": \"x\"}\n");
  BatchSource source = open(lines);
  EXPECT_EQ(source.kind(), BatchKind::kList);
  EXPECT_EQ(source.count(), std::nullopt);
  const BatchItem first = **source.next();
  EXPECT_EQ(first.file, (folder_ / "a.png").string());
  EXPECT_EQ(first.question, "What?");
  EXPECT_EQ(first.fields.at("id"), 7);
  for (const char* place : {"line 3", "line 4", "line 5", "line 6"}) {
    const BatchItem item = **source.next();
    ASSERT_TRUE(item.wrong) << place;
    EXPECT_NE(item.wrong->message.find(place), std::string::npos) << item.wrong->message;
  }
  EXPECT_FALSE((*source.next()).has_value());
  EXPECT_EQ(source.share(), 1);

  BatchSource asked = open(lines, "{id}: {question} of {image}");
  EXPECT_EQ((**asked.next()).question, "7: What? of a.png");
  EXPECT_TRUE((**asked.next()).wrong);  // it has no id
}

TEST_F(BatchSourceTest, AddressesAreFilesOfThisMachineOrRefused) {
  file("a b.png");
  const std::string here = "file://" + folder_.string() + "/a%20b.png";
  const std::string listed = file("list.txt", here + "\nhttp://host/a.png\nsub/c.png\n");
  auto source = BatchSource::open(*find_inputs({listed}, false), *TextTemplate::parse("What?"));
  ASSERT_TRUE(source.ok());
  EXPECT_EQ((**source->next()).file, (folder_ / "a b.png").string());
  const BatchItem address = **source->next();
  EXPECT_EQ(address.fields.at("image"), "http://host/a.png");
  ASSERT_TRUE(address.wrong);
  EXPECT_EQ(address.wrong->message, "pictures are not fetched from the network");
  EXPECT_FALSE((**source->next()).wrong);

  BatchSource lines =
      open(file("list.jsonl", R"({"image": "https://host/a.png", "question": "What?"})"
                              "\n"
                              R"({"image": "data:image/png;base64,AAAA", "question": "What?"})"
                              "\n{\"image\": \"" +
                                  here + "\", \"question\": \"What?\"}\n"));
  const BatchItem web = **lines.next(), data = **lines.next(), local = **lines.next();
  ASSERT_TRUE(web.wrong && data.wrong);
  EXPECT_EQ(web.wrong->message, "pictures are not fetched from the network");
  EXPECT_EQ(data.wrong->message, "a picture's data stands where a file is to be named");
  EXPECT_EQ(web.question, "What?");
  EXPECT_EQ(local.file, (folder_ / "a b.png").string());
}

TEST_F(BatchSourceTest, Requests) {
  const std::string lines =
      file("r.jsonl",
           "{\"custom_id\": \"a\", \"method\": \"POST\", \"url\": \"/v1/chat/completions\", "
           "\"body\": {\"messages\": []}}\n"
           "{\"custom_id\": \"b\", \"method\": \"GET\", \"url\": \"/v1/models\", \"body\": {}}\n");
  BatchSource source = open(lines);
  EXPECT_EQ(source.kind(), BatchKind::kRequests);
  const BatchItem first = **source.next();
  EXPECT_EQ(first.custom_id, "a");
  EXPECT_EQ(first.url, "/v1/chat/completions");
  EXPECT_EQ(first.body, R"({"messages": []})");
  EXPECT_TRUE((**source.next()).wrong);
  EXPECT_FALSE(BatchSource::open(*find_inputs({lines}, false), *TextTemplate::parse("x")).ok());
}

TEST_F(BatchSourceTest, NumbersKeepTheirDigits) {
  BatchSource list = open(file("l.jsonl", R"({"image": "a.png", "id": 12345678901234567890123, )"
                                          R"("more": {"n": [ 1.10 ]}, "none": null})"),
                          "{id} {more}");
  const BatchItem item = **list.next();
  EXPECT_EQ(item.question, R"(12345678901234567890123 {"n":[1.10]})");
  EXPECT_EQ(item.exact.at("none"), "null");
  EXPECT_FALSE(item.exact.contains("image"));
  BatchSource requests = open(file("r.jsonl", R"({"custom_id": "", "method": "POST", "url": "/x", )"
                                              R"("body": {"seed": 18446744073709551616}})"));
  const BatchItem request = **requests.next();
  EXPECT_EQ(request.body, R"({"seed": 18446744073709551616})");
  EXPECT_EQ(request.custom_id, "");
}

TEST_F(BatchSourceTest, AByteOrderMarkBeginsAFileAndNoLine) {
  file("a.png");
  EXPECT_EQ(found({file("list.txt",
                        "\xEF\xBB\xBF"
                        "a.png\r\nb.png\n")}),
            (std::vector<std::string>{"a.png", "b.png"}));
  BatchSource requests = open(file("r.jsonl",
                                   "\xEF\xBB\xBF"
                                   R"({"custom_id": "a", "method": "POST", "url": "/x", )"
                                   R"("body": {}})"));
  EXPECT_EQ(requests.kind(), BatchKind::kRequests);
  EXPECT_FALSE((**requests.next()).wrong);
}

TEST_F(BatchSourceTest, ATemplateThatNoItemCanFillIsRefused) {
  const auto refused = [&](const std::string& word, std::string_view question) -> std::string {
    const auto source =
        BatchSource::open(*find_inputs({word}, false), *TextTemplate::parse(question));
    return source.ok() ? "" : source.error().message;
  };
  const std::string picture = file("a.png");
  EXPECT_EQ(refused(picture, "{stem} {name} {file} {folder} {index}"), "");
  EXPECT_EQ(refused(picture, "{stem} {nope}"), "there is no {nope}");
  const std::string list = file("l.jsonl",
                                "{\"image\": \"a.png\"}\nnonsense\n"
                                "{\"image\": \"b.png\", \"word\": 1}\n");
  EXPECT_EQ(refused(list, "{word} {stem}"), "");  // of one line at least
  EXPECT_EQ(refused(list, "{nope} {word}"), "there is no {nope}");
}

}  // namespace
}  // namespace oc
