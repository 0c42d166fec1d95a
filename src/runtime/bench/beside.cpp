#include "runtime/bench/beside.h"

#include <fmt/format.h>

#include <atomic>
#include <random>
#include <thread>

#include "base/clock.h"
#include "runtime/bench/load_body.h"
#include "runtime/bench/load_client.h"

namespace oc {
namespace {

constexpr std::size_t kPiecesAlone = 20;  // of text, until the picture's request is sent
constexpr int kCrops = 16;
constexpr int kRunningTokens = 2000;  // more than a picture takes, on any machine

Error cannot_tell(std::string why) {
  return {ErrorCode::kUnavailable, std::move(why),
          "ask something with a longer answer (--question), or about a smaller picture "
          "(--picture-side)"};
}

}  // namespace

Result<BesideReport> run_beside(const ServerLoadOptions& options) {
  BesideReport report;
  report.url = options.url;
  report.views = kCrops + 1;
  LoadClient asking(options.url, options.api_key, options.timeout_s);
  OC_ASSIGN_OR_RETURN(report.model, served_model(options, asking));
  const std::string picture = made_picture(options.picture_side, std::random_device{}());

  LoadClient running(options.url, options.api_key, options.timeout_s);
  std::atomic<std::size_t> pieces{0};
  std::atomic<bool> enough{false}, ended{false};
  StreamedAnswer answer;
  const Stopwatch since;
  std::thread thread([&] {
    answer = running.ask(chat_body({report.model, options.question, {}, kRunningTokens, 0, true}),
                         [&](double) { return ++pieces, !enough.load(); });
    ended = true;
  });
  while (pieces < kPiecesAlone && !ended) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const double sent = since.ms();
  StreamedAnswer other;
  if (!ended) other = asking.ask(chat_body({report.model, options.question, picture, 1, kCrops}));
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

  std::vector<double> alone, beside;
  for (std::size_t i = 1; i < answer.text_ms.size(); ++i) {
    if (answer.text_tokens[i] != 1) continue;  // bytes of one character: several steps in one gap
    const double begin = answer.text_ms[i - 1], end = answer.text_ms[i];
    if (end < sent)
      alone.push_back(end - begin);
    else if (begin < answered)
      beside.push_back(end - begin);
  }
  report.alone = percentiles(std::move(alone));
  report.beside = percentiles(std::move(beside));
  report.first_token_ms = other.empty() ? other.whole_ms : other.text_ms.front();
  report.prompt_tokens = other.prompt_tokens;
  return report;
}

std::string BesideReport::table() const {
  const auto line = [](std::string_view name, const Percentiles& p) {
    return fmt::format("    {:<28} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f}\n", name, p.p50, p.p90,
                       p.p99, p.most);
  };
  return fmt::format(
             "{} at {}\n\na running answer beside a picture of up to {} views, {} tokens, "
             "first token after {:.1f} s\n    {:<28} {:>10} {:>10} {:>10} {:>10}\n",
             model, url, views, prompt_tokens, first_token_ms / 1e3, "ms from token to token",
             "p50", "p90", "p99", "most") +
         line("alone", alone) + line("beside the picture", beside);
}

boost::json::object BesideReport::json() const {
  const auto of = [](const Percentiles& p) {
    return boost::json::object{{"p50", p.p50}, {"p90", p.p90}, {"p99", p.p99}, {"most", p.most}};
  };
  return {{"url", url},
          {"model", model},
          {"results",
           {{{"name", "beside"},
             {"views", views},
             {"prompt_tokens", prompt_tokens},
             {"first_token_ms", first_token_ms},
             {"alone_ms", of(alone)},
             {"beside_ms", of(beside)},
             {"value", beside.most},
             {"unit", "ms"}}}}};
}

}  // namespace oc
