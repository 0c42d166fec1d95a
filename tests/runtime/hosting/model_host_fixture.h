// A ModelHost of fake models, for the tests of model_host.cpp.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/log.h"
#include "runtime/hosting/model_host.h"
#include "tests/runtime/fake_model.h"

namespace oc {

using namespace std::chrono_literals;
using fake::FakeModel;
using fake::kEnd;

inline GenerateRequest question() {
  GenerateRequest request;
  request.id = "test";
  request.messages = {{Role::kUser, {TextPart{"Hi"}}}};
  return request;
}

// Sources are names: each answers with a token of its own, "bad…" cannot be loaded.
class ModelHostTest : public testing::Test {
 protected:
  HostOptions options;
  std::unique_ptr<ModelHost> host;
  std::mutex mutex;
  std::vector<std::string> loads;  // sources, engines
  std::set<std::string> broken;
  std::map<std::string, std::shared_future<void>> gates;  // a load waits for its own
  std::map<std::string, std::size_t> weights;
  std::function<void(const std::string&, FakeModel&)> prepare;

  void SetUp() override { log::configure(log::Level::kOff, log::Format::kText); }
  void TearDown() override {
    host.reset();
    log::configure(log::Level::kInfo, log::Format::kText);
  }

  static TokenId token_of(const std::string& source) { return source.back() + 3; }

  Result<std::shared_ptr<const LoadedModel>> load(const std::string& source,
                                                  const EngineOptions& engine) {
    std::shared_future<void> gate;
    {
      const std::lock_guard lock(mutex);
      loads.push_back(source + ":" + engine.engine);
      if (const auto it = gates.find(source); it != gates.end()) gate = it->second;
    }
    if (gate.valid()) gate.wait();
    const std::lock_guard lock(mutex);
    if (broken.contains(source)) return Error{ErrorCode::kCorrupt, source + " is truncated"};
    auto model = FakeModel::answering({token_of(source), kEnd});
    model->mutable_info().weights_bytes = weights[source];
    if (prepare) prepare(source, *model);
    auto out = std::make_shared<LoadedModel>();
    out->name = source;
    out->model = std::move(model);
    return std::shared_ptr<const LoadedModel>(std::move(out));
  }

  void start(std::initializer_list<const char*> names) {
    options.warm_up = false;
    options.load = [this](const std::string& source, const EngineOptions& engine) {
      return load(source, engine);
    };
    options.measure = [this](const std::string& source) {
      const std::lock_guard lock(mutex);
      return weights[source];
    };
    host = std::make_unique<ModelHost>(options);
    for (const char* name : names) host->add({.name = name, .source = name, .fallback = {}});
  }
  Result<void> activate(const std::string& name) {
    std::promise<Result<void>> done;
    host->activate(name, [&](Result<void> result) { done.set_value(std::move(result)); });
    return done.get_future().get();
  }
  std::future<Result<LeasePtr>> acquire_later(const std::string& name) {
    auto ready = std::make_shared<std::promise<Result<LeasePtr>>>();
    auto future = ready->get_future();
    host->acquire(name, [ready](Result<LeasePtr> lease) { ready->set_value(std::move(lease)); });
    return future;
  }
  Result<LeasePtr> acquire(const std::string& name) { return acquire_later(name).get(); }
  static Result<GenerateResult> ask(const LeasePtr& lease) {
    auto done = std::make_shared<std::promise<Result<GenerateResult>>>();
    auto future = done->get_future();
    auto job = lease->service().submit(question(), nullptr, [done](Result<GenerateResult> result) {
      done->set_value(std::move(result));
    });
    if (!job.ok()) return job.error();
    return future.get();
  }
  // What answers to this name.
  TokenId answer(const std::string& name) {
    const auto lease = acquire(name);
    EXPECT_TRUE(lease.ok()) << lease.error().message;
    const auto result = ask(*lease);
    EXPECT_TRUE(result.ok()) << result.error().message;
    return result->ids.at(0);
  }
  ModelStatus status(const std::string& name) {
    for (const ModelStatus& one : host->status())
      if (one.name == name) return one;
    ADD_FAILURE() << "no " << name;
    return {};
  }
  bool reaches(const std::string& name, ModelState state) {
    for (int i = 0; i < 60'000; ++i) {
      if (status(name).state == state) return true;
      std::this_thread::sleep_for(2ms);
    }
    return false;
  }
  std::size_t load_count() {
    const std::lock_guard lock(mutex);
    return loads.size();
  }
};

}  // namespace oc
