// A request's bytes do not depend on its company, on what the caches hold, or on the number of
// threads: the embedded model on the CPU engine, through the service.
#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <fstream>
#include <future>
#include <iterator>

#include "base/log.h"
#include "runtime/serving/service.h"

namespace oc {
namespace {

std::shared_ptr<const Image> picture(const std::string& name) {
  std::ifstream file(std::string(OC_SOURCE_DIR) + "/examples/" + name, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  auto image = decode_image(std::as_bytes(std::span(bytes)), ImageLimits{});
  EXPECT_TRUE(image.ok());
  return std::make_shared<Image>(std::move(image.value()));
}

GenerateRequest ask(const std::string& text, std::shared_ptr<const Image> image) {
  GenerateRequest request;
  request.id = "test";
  Message message{Role::kUser, {}};
  if (image != nullptr) {
    request.images.push_back({std::move(image)});
    message.parts.emplace_back(ImagePart{0});
  }
  message.parts.emplace_back(TextPart{text});
  request.messages = {message};
  request.max_tokens = 12;
  request.logprobs = true;
  request.top_logprobs = 3;
  return request;
}

// What a client could see of the answers, floats to the bit.
std::string bytes_of(const GenerateResult& result) {
  std::string out;
  const auto number = [&](double value) {
    out += std::to_string(std::bit_cast<std::uint64_t>(value)) + ' ';
  };
  const auto add = [&](const Answer& answer) {
    out += answer.text + '\n';
    for (const TokenId id : answer.ids) out += std::to_string(id) + ' ';
    for (const TokenLogprobs& token : answer.logprobs) {
      number(token.logprob);
      for (const ScoredToken& top : token.top) {
        out += top.bytes;
        number(top.logprob);
      }
    }
  };
  add(result);
  for (const Answer& answer : result.more) add(answer);
  for (const ChoiceScore& score : result.scores) {
    number(score.logprob);
    number(score.probability);
  }
  return out;
}

// Another model whose prompts are a block up to the end of their pictures; it is computed causally
// all the same, so that the bytes can be compared.
class WithBlocks final : public Model {
 public:
  explicit WithBlocks(std::shared_ptr<const LoadedModel> model) : model_(std::move(model)) {}

  const ModelInfo& info() const override { return inner().info(); }
  const std::shared_ptr<const Tokenizer>& tokenizer() const override { return inner().tokenizer(); }
  Engine& engine() const override { return inner().engine(); }
  Result<ImagePlan> plan_image(int width, int height, const ImageOptions& options) const override {
    return inner().plan_image(width, height, options);
  }
  Result<Prompt> build_prompt(std::span<const Message> messages, std::span<const ImagePlan> images,
                              const PromptOptions& options) const override {
    auto prompt = inner().build_prompt(messages, images, options);
    if (!prompt.ok()) return prompt;
    std::int64_t end = 0;
    for (std::int64_t i = 0; i < std::ssize(prompt->ids); ++i)
      if (prompt->ids[static_cast<std::size_t>(i)] < 0) end = i + 1;
    if (end > 0) prompt->blocks = {{0, end}};
    return prompt;
  }
  SampleImage sample_image(int tower_runs) const override {
    return inner().sample_image(tower_runs);
  }
  Result<std::unique_ptr<ImageEncoding>> begin_image(const Image& image, const ImagePlan& plan,
                                                     const Tap* tap,
                                                     const Interrupt& interrupt) const override {
    return inner().begin_image(image, plan, tap, interrupt);
  }
  std::unique_ptr<KvSequence> make_sequence() const override { return inner().make_sequence(); }
  int position_regime(std::int64_t total_tokens) const override {
    return inner().position_regime(total_tokens);
  }
  std::unique_ptr<ForwardPass> begin_forward(std::span<const StepInput> inputs,
                                             const Tap* tap) const override {
    struct Counting final : ForwardPass {
      std::unique_ptr<ForwardPass> pass;
      std::atomic<int>* stops;
      int layers() const override { return pass->layers(); }
      int layers_left() const override { return pass->layers_left(); }
      void step(int count) override {
        pass->step(count);
        if (pass->layers_left() > 0) ++*stops;
      }
      Tensor result() override { return pass->result(); }
    };
    auto counting = std::make_unique<Counting>();
    std::vector<StepInput> causal(inputs.begin(), inputs.end());
    for (StepInput& input : causal) input.blocks = {};
    counting->pass = inner().begin_forward(causal, tap);
    counting->stops = &stops;
    return counting;
  }
  Tensor join_images(std::span<const Tensor> embeds) const override {
    return inner().join_images(embeds);
  }

  mutable std::atomic<int> stops = 0;  // of passes, between two layers

 private:
  const Model& inner() const { return *model_->model; }
  std::shared_ptr<const LoadedModel> model_;
};

class Server {
 public:
  // kv_tokens: room for keys and values; 0: enough. blocks: see above; chunks are small then.
  Server(int threads, bool caches, std::size_t max_running = 16, std::int64_t kv_tokens = 0,
         bool blocks = false) {
    auto model = load("demo", {.engine = "cpu", .threads = threads});
    EXPECT_TRUE(model.ok());
    ServiceOptions options;
    options.max_running = max_running;
    if (blocks && model.ok()) {
      options.shared_chunk = 8;
      auto with_blocks = std::make_unique<WithBlocks>(*model);
      with_blocks_ = with_blocks.get();
      auto loaded = std::make_shared<LoadedModel>();
      loaded->name = "demo with blocks";
      loaded->model = std::move(with_blocks);
      model = std::move(loaded);
    }
    if (model.ok())
      options.kv_bytes =
          static_cast<std::size_t>(kv_tokens) * (*model)->model->info().kv_token_bytes;
    if (caches) {
      options.image_cache_bytes = std::size_t{16} << 20;
      options.prefix_cache_bytes = std::size_t{64} << 20;
    }
    service_ = std::make_unique<Service>(*model, options);
  }
  std::future<GenerateResult> submit(const GenerateRequest& request) {
    auto promise = std::make_shared<std::promise<GenerateResult>>();
    auto future = promise->get_future();
    const auto job = service_->submit(request, nullptr, [promise](Result<GenerateResult> result) {
      EXPECT_TRUE(result.ok());
      promise->set_value(result.ok() ? std::move(result.value()) : GenerateResult{});
    });
    EXPECT_TRUE(job.ok());
    return future;
  }
  int stops() const { return with_blocks_->stops; }
  // Somebody's answer, under way from here on, until it is let go of.
  class Company {
   public:
    explicit Company(Service& service) {
      GenerateRequest request = ask("Hello.", nullptr);
      request.max_tokens = 3900;
      request.sampling.logit_bias = {{TokenId{100}, 100.0f}};  // and so never the end
      request.logprobs = false;
      request.top_logprobs = 0;
      const auto job = service.submit(
          request,
          [this](const AnswerPiece&) {
            if (!begun_.exchange(true)) first_.set_value();
          },
          [this](const Result<GenerateResult>&) { over_.set_value(); });
      EXPECT_TRUE(job.ok());
      job_ = *job;
      first_.get_future().wait();
    }
    ~Company() {
      job_->cancel();
      over_.get_future().wait();
    }
    Company(const Company&) = delete;
    Company& operator=(const Company&) = delete;

   private:
    std::atomic<bool> begun_ = false;
    std::promise<void> first_, over_;
    std::shared_ptr<Job> job_;
  };
  std::unique_ptr<Company> company() { return std::make_unique<Company>(*service_); }

 private:
  const WithBlocks* with_blocks_ = nullptr;
  std::unique_ptr<Service> service_;
};

class Invariance : public testing::Test {
 protected:
  void SetUp() override {
    log::configure(log::Level::kOff, log::Format::kText);
    const auto circle = picture("red-circle.png"), crowd = picture("crowd.jpg");
    requests_.push_back(ask("What shape is this?", circle));
    requests_.push_back(ask("Describe the picture.", crowd));
    requests_.push_back(ask("How many objects are there?", crowd));
    requests_.push_back(ask("Is there a blue square?", picture("shapes.png")));
    requests_.push_back(ask("Hello.", nullptr));
    GenerateRequest drawn = ask("Describe the picture.", circle);
    drawn.n = 2;
    drawn.sampling.temperature = 1.0f;
    drawn.sampling.seed = 7;
    requests_.push_back(drawn);
    GenerateRequest scored = ask("What shape is this?", circle);
    scored.logprobs = false;
    scored.top_logprobs = 0;
    scored.choices = {"Circle.", "Square.", "Triangle."};
    requests_.push_back(scored);
    GenerateRequest drafted = ask("Describe the picture.", crowd);
    drafted.draft_tokens = 4;
    requests_.push_back(drafted);
    Server server(1, false);
    for (const GenerateRequest& request : requests_)
      alone_.push_back(bytes_of(server.submit(request).get()));
  }
  void TearDown() override { log::configure_from_environment(); }

  std::vector<GenerateRequest> requests_;
  std::vector<std::string> alone_;  // one thread, no caches, one after the other
};

TEST_F(Invariance, TheRequestsDiffer) {
  for (const std::string& one : alone_) EXPECT_GT(one.size(), 20u);
  EXPECT_EQ(alone_[1], alone_[7]);  // drafts change nothing that is seen
  for (std::size_t i = 0; i < 7; ++i)
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(alone_[i], alone_[j]) << i << " " << j;
}

// Fewer places and less memory than all would take: answers stand still and go on in waves.
TEST_F(Invariance, InWavesAndInLentMemory) {
  GenerateRequest many = requests_[5];
  many.n = 8;
  many.max_tokens = 70;  // over the end of a block
  std::string expected;
  std::int64_t prompt = 0;
  {
    Server server(1, false);
    const GenerateResult result = server.submit(many).get();
    expected = bytes_of(result);
    prompt = result.prompt_tokens;
  }
  const std::int64_t shared = prompt / kKvBlockTokens * kKvBlockTokens;
  const std::int64_t all = shared + 8 * whole_kv_blocks(prompt - shared + 70);
  for (const bool caches : {false, true}) {
    Server server(2, caches, 8, all);
    std::vector<std::future<GenerateResult>> answers;
    auto waves = server.submit(many);
    for (int round = 0; round < 2; ++round)
      for (const GenerateRequest& request : requests_) answers.push_back(server.submit(request));
    for (std::size_t i = 0; i < answers.size(); ++i)
      EXPECT_EQ(bytes_of(answers[i].get()), alone_[i % requests_.size()]) << i;
    EXPECT_EQ(bytes_of(waves.get()), expected) << "caches " << caches;
  }
}

// The blocks of eight requests stand still between their layers while the others' steps run.
TEST_F(Invariance, WithBlocksThatAreNeverDivided) {
  for (const bool caches : {false, true}) {
    Server server(2, caches, 16, 0, /*blocks=*/true);
    const auto company = server.company();  // whom the first block would hold up
    for (int round = 0; round < 2; ++round) {
      std::vector<std::future<GenerateResult>> answers;
      for (const GenerateRequest& request : requests_) answers.push_back(server.submit(request));
      for (std::size_t i = 0; i < answers.size(); ++i)
        EXPECT_EQ(bytes_of(answers[i].get()), alone_[i])
            << "caches " << caches << ", request " << i;
      if (round == 0) EXPECT_GT(server.stops(), 0);
    }
  }
}

TEST_F(Invariance, AloneTogetherAndFromTheCachesOnAnyNumberOfThreads) {
  for (const int threads : {1, 2, 4})
    for (const bool caches : {false, true}) {
      Server server(threads, caches);
      for (int round = 0; round < 2; ++round) {
        // All eight at once: they join and leave each other's steps.
        std::vector<std::future<GenerateResult>> answers;
        for (const GenerateRequest& request : requests_) answers.push_back(server.submit(request));
        for (std::size_t i = 0; i < answers.size(); ++i)
          EXPECT_EQ(bytes_of(answers[i].get()), alone_[i])
              << threads << " threads, caches " << caches << ", round " << round << ", request "
              << i;
      }
      for (std::size_t i = 0; i < requests_.size(); ++i) {
        const GenerateResult result = server.submit(requests_[i]).get();
        EXPECT_EQ(bytes_of(result), alone_[i]) << threads << " threads, alone, request " << i;
        EXPECT_EQ(result.cached_tokens > 0, caches) << i;
      }
    }
}

}  // namespace
}  // namespace oc
