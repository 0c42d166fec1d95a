// What the records of a run were made with, so that a run which goes on mixes them with no others.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>

#include "answer_flags.h"
#include "api/offline/picture_question.h"

namespace oc {

// All of flags and configuration that changes answers, but for the model and the questions.
boost::json::object settings_json(const AnswerFlags& flags, const QuestionSettings& settings);

// Which of the settings were others: `"max_tokens" was 5, and is 6`. nullopt: none.
std::optional<std::string> changed_setting(const boost::json::object& before,
                                           const boost::json::object& now);

// FILE.run beside a file of records, which has no place for settings itself.
class RunSettings {
 public:
  RunSettings(std::string records, boost::json::object settings)
      : records_(std::move(records)), settings_(std::move(settings)) {}

  // The run before. Ends the program where its settings are not known, or others.
  void check() const;
  // One that is known only now; to be checked again.
  void add(std::string_view name, std::string_view value) { settings_[name] = value; }
  // Ends the program where the file cannot be written.
  void write() const;

 private:
  std::string file() const { return records_ + ".run"; }
  boost::json::object read() const;

  std::string records_;
  boost::json::object settings_;
};

}  // namespace oc
