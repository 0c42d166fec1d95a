#include "runtime/eval/vqa_data.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>

#include "base/valid_utf8.h"
#include "io/digest.h"
#include "io/file_address.h"
#include "io/files.h"
#include "io/json.h"
#include "io/json_elements.h"
#include "io/json_text.h"
#include "io/mapped_file.h"
#include "runtime/eval/estimate.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::int64_t kMaxId = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kMaxText = 64u << 10, kMaxAnswers = 1000;

std::string_view text_of(const MappedFile& file) {
  return without_byte_order_mark(
      {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
}

void take_sample(VqaSample& sample, const VqaDraw& draw) {
  sample.all = sample.questions.size();
  if (draw.count == 0 || draw.count >= sample.all) return;
  std::vector<VqaQuestion> drawn;
  for (const std::size_t i : draw_sample(sample.all, draw.count, draw.seed))
    drawn.push_back(std::move(sample.questions[i]));
  sample.questions = std::move(drawn);
}

Result<std::string> short_text(const JsonReader& reader, std::string_view key) {
  OC_ASSIGN_OR_RETURN(std::string text, reader.string(key));
  if (text.size() > kMaxText)
    return reader.error(ErrorCode::kTooLarge, fmt::format("\"{}\" is too long", key));
  return text;
}

// {"answer": "yes", "answer_confidence": …, "answer_id": …}, …
Result<std::vector<std::string>> people_of(const JsonReader& annotation) {
  OC_ASSIGN_OR_RETURN(const auto entries, annotation.objects("answers"));
  if (entries.empty() || entries.size() > kMaxAnswers)
    return annotation.error(ErrorCode::kInvalidArgument,
                            fmt::format("\"answers\" has {} entries", entries.size()));
  std::vector<std::string> out;
  for (const JsonReader& entry : entries) {
    OC_ASSIGN_OR_RETURN(std::string answer, short_text(entry, "answer"));
    out.push_back(std::move(answer));
  }
  return out;
}

// "yes", or ["yes", "yeah"].
Result<std::vector<std::string>> answers_of(const JsonReader& line) {
  OC_ASSIGN_OR_RETURN(const JsonReader answers, line.at("answers"));
  if (answers.value().is_string()) return std::vector{std::string(answers.value().get_string())};
  OC_ASSIGN_OR_RETURN(const json::array* entries, answers.array());
  if (entries->empty() || entries->size() > kMaxAnswers)
    return line.error(ErrorCode::kInvalidArgument,
                      fmt::format("\"answers\" has {} entries", entries->size()));
  std::vector<std::string> out;
  for (std::size_t i = 0; i < entries->size(); ++i) {
    OC_ASSIGN_OR_RETURN(const std::string_view answer, answers.element(i).string());
    out.emplace_back(answer);
  }
  return out;
}

Result<VqaQuestion> read_line(const JsonReader& line, std::int64_t number,
                              const fs::path& pictures) {
  VqaQuestion out;
  OC_ASSIGN_OR_RETURN(out.id, line.integer_or("question_id", number, 0, kMaxId));
  OC_ASSIGN_OR_RETURN(const std::string image, short_text(line, "image"));
  auto picture = listed_file(image, pictures);
  if (!picture.ok())
    return line.error(picture.error().code, picture.error().message, picture.error().hint);
  out.picture = *std::move(picture);
  OC_ASSIGN_OR_RETURN(out.question, short_text(line, "question"));
  OC_ASSIGN_OR_RETURN(out.question_type, line.string_or("question_type", ""));
  OC_ASSIGN_OR_RETURN(out.answer_type, line.string_or("answer_type", ""));
  OC_ASSIGN_OR_RETURN(out.answers, answers_of(line));
  return out;
}

Result<void> read_annotations(const fs::path& path, VqaSample& sample) {
  std::unordered_map<std::int64_t, VqaQuestion*> wanted;
  for (VqaQuestion& question : sample.questions) wanted[question.id] = &question;
  if (wanted.size() < sample.questions.size())
    return Error{ErrorCode::kInvalidArgument, "two questions have one question_id",
                 "take the file as it was published"};
  OC_ASSIGN_OR_RETURN(const auto file, MappedFile::open(path));
  const std::string name = path.filename().string();
  std::size_t found = 0;
  const auto take = [&](const json::value& value) -> Result<void> {
    const JsonReader annotation(value, name, "take the file as it was published");
    OC_ASSIGN_OR_RETURN(const std::int64_t id, annotation.integer("question_id", 0, kMaxId));
    const auto place = wanted.find(id);
    if (place == wanted.end()) return {};
    VqaQuestion& question = *place->second;
    if (question.answers.empty()) ++found;
    OC_ASSIGN_OR_RETURN(question.question_type, annotation.string_or("question_type", ""));
    OC_ASSIGN_OR_RETURN(question.answer_type, annotation.string_or("answer_type", ""));
    OC_ASSIGN_OR_RETURN(question.answers, people_of(annotation));
    return {};
  };
  OC_ASSIGN_OR_RETURN(const auto others,
                      for_each_element(text_of(*file), name, "annotations", take));
  OC_RETURN_IF_ERROR(file->intact());
  if (found == sample.questions.size()) return {};
  for (const VqaQuestion& question : sample.questions)
    if (question.answers.empty())
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} has nothing about question {}", name, question.id),
                   "take annotations of the same part: v2_mscoco_val2014_annotations.json is of "
                   "v2_OpenEnded_mscoco_val2014_questions.json"};
  return {};
}

}  // namespace

Result<VqaSample> read_vqa(const fs::path& questions, const fs::path& annotations,
                           const fs::path& pictures, const VqaDraw& draw) {
  OC_ASSIGN_OR_RETURN(const auto file, MappedFile::open(questions));
  const std::string name = questions.filename().string();
  VqaSample sample;
  std::vector<std::int64_t> images;  // of the questions, until the part is known
  const auto take = [&](const json::value& value) -> Result<void> {
    const JsonReader reader(value, name, "take the file as it was published");
    VqaQuestion one;
    OC_ASSIGN_OR_RETURN(one.id, reader.integer("question_id", 0, kMaxId));
    OC_ASSIGN_OR_RETURN(const std::int64_t image, reader.integer("image_id", 0, kMaxId));
    OC_ASSIGN_OR_RETURN(one.question, short_text(reader, "question"));
    one.picture = std::to_string(image);
    sample.questions.push_back(std::move(one));
    return {};
  };
  OC_ASSIGN_OR_RETURN(const json::object others,
                      for_each_element(text_of(*file), name, "questions", take));
  OC_RETURN_IF_ERROR(file->intact());
  OC_ASSIGN_OR_RETURN(const std::string part,
                      JsonReader(others, name,
                                 "val2014, train2014 or test2015, by which the "
                                 "pictures are called")
                          .string("data_subtype"));
  take_sample(sample, draw);
  for (VqaQuestion& question : sample.questions)
    question.picture =
        (pictures / fmt::format("COCO_{}_{:0>12}.jpg", part, question.picture)).string();
  OC_RETURN_IF_ERROR(read_annotations(annotations, sample));
  return sample;
}

Result<VqaSample> read_vqa_lines(const fs::path& lines, const fs::path& pictures,
                                 const VqaDraw& draw) {
  OC_ASSIGN_OR_RETURN(const auto file, MappedFile::open(lines));
  const std::string name = lines.filename().string();
  VqaSample sample;
  std::unordered_map<std::int64_t, std::int64_t> lines_of_ids;
  std::string_view rest = text_of(*file);
  for (std::int64_t number = 1; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const std::string where = fmt::format("{}, line {}", name, number);
    OC_ASSIGN_OR_RETURN(const json::value value, parse_json(line, where));
    OC_ASSIGN_OR_RETURN(VqaQuestion question,
                        read_line(JsonReader(value, where,
                                             R"(a line is {"image": "a.jpg", )"
                                             R"("question": "…", "answers": ["…"]})"),
                                  number, pictures));
    if (const auto [other, is_new] = lines_of_ids.emplace(question.id, number); !is_new)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{}: question_id {} is also that of line {}", where, question.id,
                               other->second),
                   "give each line its own, or none: then it is the number of the line"};
    sample.questions.push_back(std::move(question));
  }
  OC_RETURN_IF_ERROR(file->intact());
  take_sample(sample, draw);
  return sample;
}

Result<void> check_pictures(const VqaSample& sample) {
  std::size_t missing = 0;
  std::string first;
  for (const VqaQuestion& question : sample.questions)
    if (!is_file(question.picture) && missing++ == 0) first = question.picture;
  if (missing == 0) return {};
  return Error{ErrorCode::kNotFound,
               fmt::format("{} of {} pictures are not there, {} is the first", missing,
                           sample.questions.size(), first),
               "--images names their folder"};
}

std::string digest_of(const VqaSample& sample) {
  Digest digest;
  for (const VqaQuestion& question : sample.questions) {
    json::array answers;
    for (const std::string& answer : question.answers) answers.emplace_back(answer);
    digest.add(json_text(json::array{question.id, fs::path(question.picture).filename().string(),
                                     question.question, std::move(answers)}));
  }
  return digest.finish_hex();
}

}  // namespace oc
