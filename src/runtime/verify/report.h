// What a verification found, stage by stage.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace oc {

// One line of the table: a stage such as "model.logits_last" over all cases.
struct StageResult {
  std::string checkpoint;  // as VerifyReport::of_checkpoint()
  std::string name;
  int checked = 0;  // comparisons made
  int failed = 0;
  double largest = 0;                 // difference, in the stage's own unit
  double limit = 0;                   // 0: must be equal
  std::string worst_case;             // where the largest was
  std::vector<std::string> failures;  // first few, in words
};

class VerifyReport {
 public:
  // What follows is about this one of several checkpoints.
  void of_checkpoint(std::string name) { checkpoint_ = std::move(name); }
  // A measured difference; fails above the limit or when it is not a number.
  void difference(std::string_view stage, std::string_view at, double value, double limit);
  // Something that is equal or not; `text` says what is wrong when it is not.
  void equal(std::string_view stage, std::string_view at, bool good, std::string_view text = {});
  // A figure that is shown, not judged.
  void figure(std::string_view stage, std::string_view at, double value);

  const std::vector<StageResult>& stages() const { return stages_; }
  int checked() const;
  int failed() const;
  std::string table() const;  // for people
  boost::json::object json() const;

 private:
  StageResult& stage(std::string_view name);
  std::string checkpoint_;
  std::vector<StageResult> stages_;
};

}  // namespace oc
