// What a batch is about: pictures by name, a list with a question to each, or requests in OpenAI's
// batch format. Only names are held in memory; lines are read one by one.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/offline/text_template.h"
#include "base/result.h"

namespace oc {

enum class BatchKind {
  kPictures,  // one question about all
  kList,      // a JSON object on each line: "image", perhaps "question" and other fields
  kRequests,  // likewise: "custom_id", "method", "url", "body"
};

struct BatchItem {
  std::size_t index = 0;       // from 0
  double share = 0;            // of all items, this one the last of them, from 0 to 1
  boost::json::object fields;  // "image" and, of a list's line, all of it
  // Fields of a list's line that are no strings, as JSON without spaces: with digits that no double
  // holds.
  std::map<std::string, std::string, std::less<>> exact;
  std::string file;  // the picture's
  std::string question;
  std::optional<std::string> custom_id;  // of a request; nullopt: it is wrong before that
  std::string url, body;                 // likewise; the body as it stands in the line
  std::optional<Error> wrong;            // with what it says nothing can be asked
};

// Whether a file's name ends as pictures' names do; case does not matter.
bool ends_like_picture(const std::filesystem::path& path);

struct BatchInputs {
  BatchKind kind = BatchKind::kPictures;
  std::vector<std::string> pictures;
  std::string lines;  // the file of a list or of requests
};
// Words of a command line: pictures, folders (their pictures, by name; `recursive`: those of
// folders in them too), patterns with * ? [ ], a list of pictures (.txt, one on a line, below the
// list's folder), or one .jsonl file. kNotFound, kInvalidArgument: nothing there; a .jsonl file
// beside others.
Result<BatchInputs> find_inputs(const std::vector<std::string>& words, bool recursive);

// Gives the items one after the other. One thread at a time.
class BatchSource {
 public:
  // `question`: of all items; nullopt: a list's lines say theirs, requests have none.
  // kInvalidArgument: pictures without one, requests with one, one that names a value which no item
  // has.
  static Result<BatchSource> open(BatchInputs inputs, std::optional<TextTemplate> question);

  BatchKind kind() const { return inputs_.kind; }
  // nullopt: that was all. Errors: the file cannot be read.
  Result<std::optional<BatchItem>> next();
  // From the first one again.
  void rewind();
  // How much of it has been given, from 0 to 1.
  double share() const;
  std::optional<std::size_t> count() const;  // where it is known

 private:
  BatchItem picture(const std::string& file);
  BatchItem line(const std::string& text);
  Result<void> read_list_line(BatchItem& item) const;
  static Result<void> read_request(BatchItem& item, const std::string& text,
                                   const std::string& where);
  Result<void> ask(BatchItem& item, std::string_view shown) const;

  BatchInputs inputs_;
  std::optional<TextTemplate> question_;
  std::ifstream lines_;
  std::size_t index_ = 0, line_number_ = 0;
  std::uintmax_t bytes_ = 0, read_ = 0;
};

}  // namespace oc
