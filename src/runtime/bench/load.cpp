#include "runtime/bench/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <cmath>
#include <mutex>
#include <random>
#include <span>
#include <thread>

#include "base/clock.h"
#include "runtime/bench/load_body.h"
#include "runtime/bench/load_client.h"

namespace oc {
namespace {

namespace json = boost::json;

LoadTimes times_of(std::span<const StreamedAnswer> answers) {
  std::vector<double> first, between, whole;
  for (const StreamedAnswer& answer : answers) {
    if (!answer.error.empty()) continue;
    whole.push_back(answer.whole_ms);
    if (answer.empty()) continue;
    first.push_back(answer.text_ms.front());
    for (std::size_t i = 1; i < answer.text_ms.size(); ++i)
      between.push_back(answer.text_ms[i] - answer.text_ms[i - 1]);
  }
  return {percentiles(std::move(first)), percentiles(std::move(between)),
          percentiles(std::move(whole))};
}

class Generator {
 public:
  Generator(const ServerLoadOptions& options, LoadClient& client)
      : options_(options), client_(client), seed_(std::random_device{}()) {}

  Result<LoadReport> run() {
    OC_ASSIGN_OR_RETURN(report_.model, served_model(options_, client_));
    report_.url = options_.url;
    for (const std::string& path : options_.images) {
      OC_ASSIGN_OR_RETURN(std::string picture, picture_of(path));
      pictures_.push_back(std::move(picture));
    }
    if (pictures_.empty() && options_.same_image && options_.picture_side > 0)
      pictures_.push_back(made_picture(options_.picture_side, seed_));
    for (const int streams : options_.streams) run_streams(streams);
    return std::move(report_);
  }

 private:
  std::string picture(int request) const {
    if (!pictures_.empty()) return pictures_[static_cast<std::size_t>(request) % pictures_.size()];
    if (options_.picture_side <= 0) return {};
    return made_picture(options_.picture_side,
                        seed_ + static_cast<std::uint64_t>(report_.runs.size()) * 1'000'003 +
                            static_cast<std::uint64_t>(request));
  }

  void run_streams(int streams) {
    LoadRun run;
    run.streams = streams;
    run.requests = options_.requests > 0 ? options_.requests : 4 * streams;
    const int tenth = std::max(run.requests / 10, 1);
    std::vector<StreamedAnswer> answers(static_cast<std::size_t>(run.requests));
    std::atomic<int> next{0}, done{0};
    const auto work = [&] {
      LoadClient client(options_.url, options_.api_key, options_.timeout_s);
      for (int i = next++; i < run.requests; i = next++) {
        answers[static_cast<std::size_t>(i)] = client.ask(
            chat_body({report_.model, options_.question, picture(i), options_.max_tokens}));
        const int answered = ++done;
        if (answered == tenth) run.resident_begin = resident_locked();
        if (options_.progress && answered % std::max(run.requests / 100, 1) == 0) {
          const std::lock_guard lock(mutex_);
          options_.progress(fmt::format("{} streams, {} of {}", streams, answered, run.requests));
        }
      }
    };
    const Stopwatch watch;
    std::vector<std::thread> threads;
    for (int i = 1; i < streams; ++i) threads.emplace_back(work);
    work();
    for (std::thread& thread : threads) thread.join();
    run.seconds = watch.ms() / 1e3;
    run.resident_end = server_resident_bytes(client_).value_or(0);
    for (const StreamedAnswer& answer : answers) count(answer, run);
    run.tokens_per_second = static_cast<double>(run.completion_tokens) / run.seconds;
    const std::span<const StreamedAnswer> all(answers);
    run.all = times_of(all);
    run.first = times_of(all.first(static_cast<std::size_t>(tenth)));
    run.last = times_of(all.last(static_cast<std::size_t>(tenth)));
    report_.runs.push_back(std::move(run));
  }

  std::size_t resident_locked() {
    const std::lock_guard lock(mutex_);
    return server_resident_bytes(client_).value_or(0);
  }

  static void count(const StreamedAnswer& answer, LoadRun& run) {
    if (!answer.error.empty()) {
      ++run.failed;
      if (run.first_error.empty()) run.first_error = answer.error;
      return;
    }
    if (answer.empty()) ++run.empty;
    run.prompt_tokens += answer.prompt_tokens;
    run.cached_tokens += answer.cached_tokens;
    run.completion_tokens += answer.completion_tokens;
  }

  const ServerLoadOptions& options_;
  LoadClient& client_;  // for questions about the server
  std::uint64_t seed_;
  std::vector<std::string> pictures_;
  std::mutex mutex_;
  LoadReport report_;
};

json::object json_of(const LoadTimes& times) {
  return {{"first_token_ms", times.first_token.json()},
          {"between_ms", times.between.json()},
          {"whole_ms", times.whole.json()}};
}

}  // namespace

Percentiles percentiles(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  // The smallest value that so many are not above (nearest rank).
  const auto at = [&](double share) {
    const double rank = std::ceil(share * static_cast<double>(values.size()));
    return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
  };
  return {at(0.50), at(0.90), at(0.99), values.back()};
}

std::string Percentiles::head(std::string_view unit) {
  return fmt::format("    {:<22} {:>10} {:>10} {:>10} {:>10}\n", unit, "p50", "p90", "p99", "most");
}

std::string Percentiles::row(std::string_view name) const {
  return fmt::format("    {:<22} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f}\n", name, p50, p90, p99,
                     max);
}

json::object Percentiles::json() const {
  const auto hundredths = [](double ms) { return std::round(ms * 100) / 100; };
  return {{"p50", hundredths(p50)},
          {"p90", hundredths(p90)},
          {"p99", hundredths(p99)},
          {"most", hundredths(max)}};
}

Result<LoadReport> run_load(const ServerLoadOptions& options) {
  LoadClient client(options.url, options.api_key, options.timeout_s);
  return Generator(options, client).run();
}

std::string LoadReport::table() const {
  std::string out = fmt::format("{} at {}\n", model, url);
  for (const LoadRun& run : runs) {
    out += fmt::format(
        "\n{} at once: {} requests in {:.1f} s, {} failed, {} empty, {:.1f} tok/s; tokens: {} of "
        "prompts, {} of these from a cache, {} of answers\n",
        run.streams, run.requests, run.seconds, run.failed, run.empty, run.tokens_per_second,
        run.prompt_tokens, run.cached_tokens, run.completion_tokens);
    if (!run.first_error.empty()) out += fmt::format("    first failure: {}\n", run.first_error);
    out += Percentiles::head("ms");
    out += run.all.first_token.row("first token") + run.all.between.row("between") +
           run.all.whole.row("whole");
    if (run.requests >= 100) {
      out += run.first.whole.row("whole, first 10 %");
      out += run.last.whole.row("whole, last 10 %");
    }
    if (run.resident_begin != 0 && run.resident_end != 0)
      out += fmt::format(
          "    resident {:.1f} MiB behind the first tenth, {:.1f} at the end ({:+.2f} %)\n",
          static_cast<double>(run.resident_begin) / 1048576,
          static_cast<double>(run.resident_end) / 1048576,
          100 * (static_cast<double>(run.resident_end) / static_cast<double>(run.resident_begin) -
                 1));
  }
  return out;
}

json::object LoadReport::json() const {
  json::array list;
  for (const LoadRun& run : runs) {
    json::object one{{"name", "serve"},
                     {"streams", run.streams},
                     {"requests", run.requests},
                     {"failed", run.failed},
                     {"empty", run.empty},
                     {"seconds", run.seconds},
                     {"prompt_tokens", run.prompt_tokens},
                     {"cached_tokens", run.cached_tokens},
                     {"completion_tokens", run.completion_tokens},
                     {"value", run.tokens_per_second},
                     {"unit", "tok/s"}};
    for (auto& [key, value] : json_of(run.all)) one[key] = value;
    one["first_tenth"] = json_of(run.first);
    one["last_tenth"] = json_of(run.last);
    one["resident_bytes"] = {{"begin", run.resident_begin}, {"end", run.resident_end}};
    if (!run.first_error.empty()) one["first_error"] = run.first_error;
    list.push_back(std::move(one));
  }
  return {{"url", url}, {"model", model}, {"results", std::move(list)}};
}

}  // namespace oc
