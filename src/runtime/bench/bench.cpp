#include "runtime/bench/bench.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/system/files.h"
#include "io/digest.h"
#include "runtime/bench/median.h"
#include "runtime/library/names.h"
#include "runtime/prefill_chunk.h"
#include "runtime/serving/generate.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

// A picture with something everywhere: waves of different lengths.
Image waves(int width, int height) {
  Image image{width, height,
              std::vector<std::uint8_t>(static_cast<std::size_t>(width) *
                                        static_cast<std::size_t>(height) * 3)};
  std::size_t at = 0;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        image.rgb[at++] = static_cast<std::uint8_t>(127.5 + 127.0 * std::sin(0.02 * (c + 1) * x) *
                                                                std::cos(0.015 * (3 - c) * y));
  return image;
}

class Bench {
 public:
  Bench(const BenchOptions& options, BenchReport& report) : options_(options), report_(report) {}

  Result<void> run() {
    begin("the machine's limits");
    OC_ASSIGN_OR_RETURN(report_.machine,
                        measure_machine(options_.engine.threads, options_.engine.isa));
    OC_RETURN_IF_ERROR(load_cold_and_warm());
    report_.model = loaded_->name;
    report_.engine = loaded_->engine->info();
    report_.weights = model().info().weights;
    // First: its peak of memory must not hold what longer prompts leave behind in the pool.
    if (wanted("answer")) OC_RETURN_IF_ERROR(answer());
    if (wanted("encode"))
      for (const int views : options_.views) OC_RETURN_IF_ERROR(encode(views));
    if (wanted("prefill"))
      for (const int tokens : options_.prefill) OC_RETURN_IF_ERROR(prefill(tokens));
    if (!wanted("decode")) return {};
    for (const int context : options_.contexts)
      for (const int sequences : context == 0 ? options_.sequences : std::vector<int>{1})
        OC_RETURN_IF_ERROR(decode(context, sequences));
    return {};
  }

 private:
  const Model& model() const { return *loaded_->model; }
  // Before every figure: says which, and begins to watch its memory.
  void begin(std::string_view what) const {
    if (options_.progress) options_.progress(what);
    reset_peak_rss();
  }

  void add(BenchResult result) {
    if (result.peak_rss_mb == 0) result.peak_rss_mb = peak_rss_mb();
    report_.results.push_back(std::move(result));
  }

  bool wanted(std::string_view part) const {
    return options_.only.empty() || std::ranges::find(options_.only, part) != options_.only.end();
  }

  // Products with f32 activations, and the reference engine, are judged by the float peak.
  double compute_peak_tops() const {
    const bool int8 = report_.engine.precision.activations == Precision::Activations::kInt8 &&
                      report_.weights.quant.has_value();
    return measure_peak_tops(options_.engine.threads, options_.engine.isa, int8);
  }
  double read_gbs() const { return measure_read_gbs(options_.engine.threads, options_.engine.isa); }

  struct Judged {
    double ms = 0, share = 0, peak_rss_mb = 0;  // medians; the largest
  };
  // `run` gives its milliseconds, `amount` is what it does in the unit of the limit (TOP, GB). The
  // limit is measured right before and right after each run, since it drifts with the neighbours.
  Result<Judged> judge(int runs, double amount, const std::function<double()>& limit,
                       const std::function<Result<double>()>& run) const {
    Judged judged;
    std::vector<double> times, shares;
    double before = limit();
    for (int i = 0; i < runs; ++i) {
      reset_peak_rss();
      OC_ASSIGN_OR_RETURN(const double ms, run());
      judged.peak_rss_mb = std::max(judged.peak_rss_mb, peak_rss_mb());
      const double after = limit();
      times.push_back(ms);
      shares.push_back(amount / ms * 1e3 / ((before + after) / 2));
      before = after;
    }
    judged.ms = median(std::move(times));
    judged.share = median(std::move(shares));
    return judged;
  }

  Result<void> load_once(int warm) {
    loaded_.reset();
    const Stopwatch watch;
    LoadOptions loading = options_.loading;
    loading.patience = {};
    OC_ASSIGN_OR_RETURN(loaded_, load(options_.model, options_.engine, loading));
    add({.name = "load", .parameter = "cache", .amount = warm, .value = watch.ms(), .unit = "ms"});
    return {};
  }

  Result<void> load_cold_and_warm() {
    OC_ASSIGN_OR_RETURN(const fs::path folder, resolve_model(options_.model));
    begin("loading, cold page cache");
    drop_from_cache(folder);
    OC_RETURN_IF_ERROR(load_once(0));
    begin("loading, warm page cache");
    OC_RETURN_IF_ERROR(load_once(1));
    // The other figures are those of a program that has been running for a while.
    if (loaded_->reader != nullptr) loaded_->reader->wait(std::chrono::minutes(5));
    return {};
  }

  // Asks the system to forget the files' pages. It may decline, or not know how to; the figure is
  // then a warm one.
  static void drop_from_cache(const fs::path& folder) {
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      const int fd = ::open(it->path().c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) continue;
      forget_cached_pages(fd);
      ::close(fd);
    }
  }

  Result<void> encode(int views) {
    begin(fmt::format("encoding {} views", views));
    const SampleImage sample = model().sample_image(views);
    const Image image = waves(sample.width, sample.height);
    OC_ASSIGN_OR_RETURN(const ImagePlan plan,
                        model().plan_image(sample.width, sample.height, sample.options));
    const double tera = model().info().view_ops * sample.tower_runs / 1e12;
    OC_ASSIGN_OR_RETURN(const Judged judged,
                        judge(
                            options_.repeats, tera, [this] { return compute_peak_tops(); },
                            [&]() -> Result<double> {
                              const Stopwatch watch;
                              OC_ASSIGN_OR_RETURN(const std::unique_ptr<ImageEncoding> encoding,
                                                  model().begin_image(image, plan, nullptr));
                              while (!encoding->done()) encoding->step();
                              settle(encoding->result());
                              return watch.ms();
                            }));
    add({.name = "encode",
         .parameter = "views",
         .amount = sample.tower_runs,
         .value = judged.ms,
         .unit = "ms",
         .rate = tera / judged.ms * 1e3,
         .rate_unit = "TOPS",
         .share_of_limit = judged.share,
         .peak_rss_mb = judged.peak_rss_mb});
    return {};
  }

  // Waits for the value: an engine may be lazy.
  void settle(const Tensor& tensor) {
    scratch_.resize(static_cast<std::size_t>(tensor.rows() * tensor.cols()));
    model().engine().read(tensor, scratch_);
  }

  std::vector<TokenId> random_ids(int count) const {
    std::vector<TokenId> ids;
    std::uint64_t state = 12345;
    for (int i = 0; i < count; ++i) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      ids.push_back(static_cast<TokenId>(
          3 + (state >> 33) % static_cast<std::uint64_t>(model().info().vocab_size - 67)));
    }
    return ids;
  }

  // Fills the cache with `ids`; the logits behind the last one are in scratch_.
  void fill(KvSequence& kv, std::span<const TokenId> ids, int regime) {
    while (!ids.empty()) {
      const auto now = std::min<std::size_t>(ids.size(), kPrefillChunk);
      const StepInput input{.kv = &kv, .ids = ids.first(now), .regime = regime};
      settle(model().forward({&input, 1}, nullptr));
      ids = ids.subspan(now);
    }
  }

  Result<void> prefill(int tokens) {
    if (tokens > model().info().context_length) return {};
    begin(fmt::format("prefill of {} tokens", tokens));
    const std::vector<TokenId> ids = random_ids(tokens);
    const double tera = model().info().token_ops * tokens / 1e12;
    OC_ASSIGN_OR_RETURN(const Judged judged,
                        judge(
                            options_.repeats, tera, [this] { return compute_peak_tops(); },
                            [&]() -> Result<double> {
                              const auto kv = model().make_sequence();
                              const Stopwatch watch;
                              fill(*kv, ids, model().position_regime(tokens));
                              return watch.ms();
                            }));
    Digest digest;
    digest.add(std::as_bytes(std::span(scratch_)));
    report_.logits_hash = digest.finish_hex();
    add({.name = "prefill",
         .parameter = "tokens",
         .amount = tokens,
         .value = tokens / judged.ms * 1e3,
         .unit = "tok/s",
         .rate = tera / judged.ms * 1e3,
         .rate_unit = "TOPS",
         .share_of_limit = judged.share,
         .peak_rss_mb = judged.peak_rss_mb});
    return {};
  }

  Result<void> decode(int context, int sequences) {
    if (context + options_.decode_steps + 1 > model().info().context_length) return {};
    begin(fmt::format("decoding {} sequence{} behind {} tokens", sequences,
                      sequences == 1 ? "" : "s", context));
    const int start = std::max(context, 1);
    const std::vector<TokenId> ids = random_ids(start);
    const int regime = model().position_regime(start + options_.decode_steps);
    std::vector<std::unique_ptr<KvSequence>> kv;
    for (int i = 0; i < sequences; ++i) {
      kv.push_back(model().make_sequence());
      fill(*kv.back(), ids, regime);
    }
    const TokenId next = ids.back();
    double cache = 0;
    for (const auto& one : kv) cache += static_cast<double>(one->bytes());
    const double giga = (static_cast<double>(model().info().token_bytes) + cache) / 1e9;
    constexpr int kBlock = 4;  // steps between two looks at the bandwidth
    const auto block = [&]() -> Result<double> {
      std::vector<double> times;
      for (int step = 0; step < kBlock; ++step) {
        std::vector<StepInput> inputs;
        for (const auto& one : kv)
          inputs.push_back({.kv = one.get(), .ids = std::span(&next, 1), .regime = regime});
        const Stopwatch watch;
        settle(model().forward(inputs, nullptr));
        times.push_back(watch.ms());
      }
      return median(std::move(times));
    };
    OC_ASSIGN_OR_RETURN(const Judged judged, judge(
                                                 options_.decode_steps / kBlock, giga,
                                                 [this] { return read_gbs(); }, block));
    add({.name = "decode",
         .parameter = "context",
         .amount = context,
         .sequences = sequences,
         .value = sequences / judged.ms * 1e3,
         .unit = "tok/s",
         .rate = giga / judged.ms * 1e3,
         .rate_unit = "GB/s",
         .share_of_limit = judged.share,
         .peak_rss_mb = judged.peak_rss_mb});
    return {};
  }

  // The reference request: a picture of five views, a question of about 20 tokens, 100 tokens.
  Result<void> answer() {
    begin("a whole answer");
    GenerateRequest request;
    const SampleImage sample = model().sample_image(5);
    request.images.push_back(
        {std::make_shared<Image>(waves(sample.width, sample.height)), sample.options});
    request.messages.push_back(
        {Role::kUser,
         {ImagePart{0}, TextPart{"What do you see in this picture, and how many of them?"}}});
    // Of a program that has been running: the system has entered every page, of buffers too.
    request.max_tokens = 1;
    OC_RETURN_IF_ERROR(generate(model(), request, {}));
    request.max_tokens = 100;
    OC_ASSIGN_OR_RETURN(const GenerateResult result, generate(model(), request, {}));
    const auto tokens = static_cast<int>(result.completion_tokens);
    add({.name = "first_token",
         .parameter = "tokens",
         .amount = static_cast<int>(result.prompt_tokens),
         .value = result.timings.ttft_ms,
         .unit = "ms"});
    add({.name = "answer",
         .parameter = "tokens",
         .amount = tokens,
         .value = result.timings.total_ms,
         .unit = "ms"});
    return {};
  }

  const BenchOptions& options_;
  BenchReport& report_;
  std::shared_ptr<const LoadedModel> loaded_;
  std::vector<float> scratch_;
};

}  // namespace

Result<BenchReport> run_bench(const BenchOptions& options) {
  BenchReport report;
  OC_RETURN_IF_ERROR(Bench(options, report).run());
  return report;
}

}  // namespace oc
