#include "runtime/bench/question_wait.h"

#include <fmt/format.h>

#include <atomic>
#include <boost/json/array.hpp>
#include <thread>

#include "runtime/bench/load_body.h"
#include "runtime/bench/load_client.h"

namespace oc {
namespace {

constexpr int kQuestions = 8;
constexpr int kTextsOfEach = 4;  // of text, until all answers are under way

class QuestionTimer {
 public:
  QuestionTimer(const ServerLoadOptions& options, std::string model)
      : options_(options),
        model_(std::move(model)),
        asking_(options.url, options.api_key, options.timeout_s) {}

  // Each question is a new one, which no cache knows.
  Result<Percentiles> ask() {
    std::vector<double> took;
    for (int i = 0; i < kQuestions; ++i) {
      const StreamedAnswer answer = asking_.ask(
          chat_body({model_, fmt::format("{}. {}", ++asked_, options_.question), {}, 2}));
      if (!answer.error.empty()) return Error{ErrorCode::kUnavailable, answer.error};
      took.push_back(answer.whole_ms);
    }
    return percentiles(std::move(took));
  }

  Result<Percentiles> ask_during_request(int answers) {
    std::atomic<int> texts{0};
    std::atomic<bool> enough{false}, failed{false};
    std::string error;
    std::thread thread([&] {
      LoadClient running(options_.url, options_.api_key, options_.timeout_s);
      const std::string body = chat_body(
          {.model = model_, .question = options_.question, .max_tokens = 0, .n = answers});
      while (!enough && !failed) {
        error = running.ask(body, [&](double) { return ++texts, !enough.load(); }).error;
        failed = !error.empty();
      }
    });
    while (texts < kTextsOfEach * answers && !failed)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    Result<Percentiles> during = failed ? Percentiles() : ask();
    enough = true;
    thread.join();
    if (failed) return Error{ErrorCode::kUnavailable, error};
    return during;
  }

 private:
  const ServerLoadOptions& options_;
  const std::string model_;
  LoadClient asking_;
  int asked_ = 0;
};

}  // namespace

Result<QuestionWaitReport> measure_question_wait(const ServerLoadOptions& options, int answers) {
  QuestionWaitReport report;
  report.url = options.url;
  report.answers = answers;
  LoadClient client(options.url, options.api_key, options.timeout_s);
  OC_ASSIGN_OR_RETURN(report.model, served_model(options, client));
  QuestionTimer timer(options, report.model);
  OC_ASSIGN_OR_RETURN(report.alone, timer.ask());
  OC_ASSIGN_OR_RETURN(report.during, timer.ask_during_request(answers));
  return report;
}

std::string QuestionWaitReport::table() const {
  return fmt::format("{} at {}\n\na question of two tokens beside a request for {} answers\n",
                     model, url, answers) +
         Percentiles::head("ms until it is answered") + alone.row("alone") +
         during.row("beside the request");
}

boost::json::object QuestionWaitReport::json() const {
  boost::json::object waits = during.json();
  return {{"url", url},
          {"model", model},
          {"results",
           {{{"name", "beside_answers"},
             {"answers", answers},
             {"alone_ms", alone.json()},
             {"value", waits.at("most")},
             {"beside_ms", std::move(waits)},
             {"unit", "ms"}}}}};
}

}  // namespace oc
