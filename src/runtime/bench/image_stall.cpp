#include "runtime/bench/image_stall.h"

#include <fmt/format.h>

#include <atomic>
#include <random>
#include <thread>

#include "base/clock.h"
#include "runtime/bench/load_body.h"
#include "runtime/bench/load_client.h"

namespace oc {
namespace {

constexpr std::size_t kTextsAlone = 20;  // of text, until the picture's request is sent
constexpr int kRunningTokens = 2000;     // more than a picture takes, on any machine

Error cannot_tell(std::string why) {
  return {ErrorCode::kUnavailable, std::move(why),
          "ask something with a longer answer (--question), or about a smaller picture "
          "(--picture-side)"};
}

Result<std::string> image_to_ask_about(const ServerLoadOptions& options) {
  if (!options.images.empty()) return picture_of(options.images.front());
  if (options.picture_side <= 0)
    return Error{ErrorCode::kInvalidArgument, "there is no picture to ask about",
                 "take a --picture-side above 0, or an --image"};
  return made_picture(options.picture_side, std::random_device{}());
}

}  // namespace

Result<ImageStallReport> measure_image_stall(const ServerLoadOptions& options) {
  ImageStallReport report;
  report.url = options.url;
  LoadClient asking(options.url, options.api_key, options.timeout_s);
  OC_ASSIGN_OR_RETURN(report.model, served_model(options, asking));
  OC_ASSIGN_OR_RETURN(const std::string picture, image_to_ask_about(options));

  LoadClient running(options.url, options.api_key, options.timeout_s);
  std::atomic<std::size_t> texts{0};
  std::atomic<bool> enough{false}, ended{false};
  StreamedAnswer answer;
  const Stopwatch since;
  std::thread thread([&] {
    answer = running.ask(chat_body({report.model, options.question, {}, kRunningTokens, "", true}),
                         [&](double) { return ++texts, !enough.load(); });
    ended = true;
  });
  while (texts < kTextsAlone && !ended) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const double sent = since.ms();
  StreamedAnswer other;
  if (!ended) other = asking.ask(chat_body({report.model, options.question, picture, 1, "high"}));
  const double answered = since.ms();
  const bool too_early = ended;
  enough = true;
  thread.join();
  if (!answer.error.empty()) return Error{ErrorCode::kUnavailable, answer.error};
  if (!other.error.empty()) return Error{ErrorCode::kUnavailable, other.error};
  if (too_early)
    return cannot_tell(
        fmt::format("the running answer ended after {} pieces of text, before the "
                    "picture's first token",
                    answer.text_ms.size()));

  std::vector<double> alone, during;
  for (std::size_t i = 1; i < answer.text_ms.size(); ++i) {
    if (answer.text_tokens[i] != 1) continue;  // bytes of one character: several steps in one gap
    const double begin = answer.text_ms[i - 1], end = answer.text_ms[i];
    if (end < sent)
      alone.push_back(end - begin);
    else if (begin < answered)
      during.push_back(end - begin);
  }
  report.alone = percentiles(std::move(alone));
  report.during = percentiles(std::move(during));
  report.first_token_ms = other.empty() ? other.whole_ms : other.text_ms.front();
  report.prompt_tokens = other.prompt_tokens;
  return report;
}

std::string ImageStallReport::table() const {
  return fmt::format(
             "{} at {}\n\na running answer beside a picture in high detail, {} tokens, first token "
             "after {:.1f} s\n",
             model, url, prompt_tokens, first_token_ms / 1e3) +
         Percentiles::head("ms from token to token") + alone.row("alone") +
         during.row("beside the picture");
}

boost::json::object ImageStallReport::json() const {
  boost::json::object pauses = during.json();
  return {{"url", url},
          {"model", model},
          {"results",
           {{{"name", "beside"},
             {"prompt_tokens", prompt_tokens},
             {"first_token_ms", first_token_ms},
             {"alone_ms", alone.json()},
             {"value", pauses.at("most")},
             {"beside_ms", std::move(pauses)},
             {"unit", "ms"}}}}};
}

}  // namespace oc
