// Questions about pictures with their answers, from the files in which data sets come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace oc {

struct VqaQuestion {
  std::int64_t id = 0;  // of the data set; else the number of its line, from 1
  std::string picture;  // a file
  std::string question;
  std::string question_type, answer_type;  // empty: the data set has none
  std::vector<std::string> answers;        // of people, in the file's order
};

// All questions of a data set, or a sample of them, in its order.
struct VqaSample {
  std::size_t all = 0;  // questions of the data set
  std::vector<VqaQuestion> questions;
};
struct VqaDraw {
  std::size_t count = 0;  // 0: all
  std::uint64_t seed = 0;
};

// The two files of VQA 2.0: {"data_subtype", "questions": [{"question_id", "image_id",
// "question"}]} and {"annotations": [{"question_id", "question_type", "answer_type", "answers":
// [{"answer"}]}]}. Picture 42 of val2014 is the folder's COCO_val2014_000000000042.jpg.
// kInvalidArgument names file, question and field.
Result<VqaSample> read_vqa(const std::filesystem::path& questions,
                           const std::filesystem::path& annotations,
                           const std::filesystem::path& pictures, const VqaDraw& draw);

// A JSON object on each line: "image" (a file, below `pictures`), "question", "answers" (one or
// several texts), and perhaps "question_id", "question_type" and "answer_type".
Result<VqaSample> read_vqa_lines(const std::filesystem::path& lines,
                                 const std::filesystem::path& pictures, const VqaDraw& draw);

// kNotFound with the first of the pictures that are not there.
Result<void> check_pictures(const VqaSample& sample);

// SHA-256 over all that decides what is asked and what is right.
std::string digest_of(const VqaSample& sample);

}  // namespace oc
