#include "http/hosted_models.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace oc::http {
namespace {

class HostedBackend final : public Backend {
 public:
  explicit HostedBackend(LeasePtr lease)
      : lease_(std::move(lease)), model_(served_model(lease_->status())) {}

  const ServedModel& model() const override { return model_; }
  ServiceStats stats() const override { return lease_->service().stats(); }
  // The answer keeps the lease, whoever else lets go of it.
  Result<std::shared_ptr<Job>> submit(GenerateRequest request, Service::OnText text,
                                      Service::OnDone done) override {
    return lease_->service().submit(
        std::move(request), std::move(text),
        [lease = lease_, done = std::move(done)](Result<GenerateResult> result) {
          done(std::move(result));
        });
  }

 private:
  LeasePtr lease_;
  ServedModel model_;
};

class HostedModels final : public ModelSource {
 public:
  explicit HostedModels(std::shared_ptr<ModelHost> host) : host_(std::move(host)) {}

  std::optional<ServedModel> active() const override {
    const auto status = host_->active();
    if (!status) return std::nullopt;
    return served_model(*status);
  }
  std::vector<ServedModel> models() const override {
    std::vector<ServedModel> out;
    for (const ModelStatus& status : host_->status()) out.push_back(served_model(status));
    return out;
  }
  std::vector<std::string> installed() const override { return available_models(); }
  ServiceStats stats() const override { return host_->stats(); }

  void find(const std::string& name, Ready ready) override {
    host_->acquire(name, [this, ready = std::move(ready)](Result<LeasePtr> lease) {
      if (lease.ok()) return ready(std::make_shared<HostedBackend>(*std::move(lease)));
      ready(with_names(lease.error()));
    });
  }
  void activate(const std::string& name, Switched done) override {
    host_->activate(name, [this, name, done = std::move(done)](Result<void> result) {
      if (result.ok()) return done({});
      Error error = with_names(result.error());
      for (const ModelStatus& status : host_->status())
        if (status.name == name && !status.why.empty())
          error = {ErrorCode::kUnavailable, status.why, "", "active_model"};
      done(std::move(error));
    });
  }

 private:
  Error with_names(Error error) const {
    if (error.code != ErrorCode::kNotFound) return error;
    std::vector<std::string> names;
    for (const ModelStatus& status : host_->status()) names.push_back('"' + status.name + '"');
    error.hint = fmt::format("this server has {}", fmt::join(names, ", "));
    return error;
  }

  std::shared_ptr<ModelHost> host_;
};

// The original's word for what computes: "MLX", "CPU".
std::string method_of(std::string name) {
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
  return name;
}

}  // namespace

ServedModel served_model(const ModelStatus& status) {
  ServedModel model;
  model.name = status.name;
  model.aliases = status.aliases;
  model.created = status.created;
  model.fingerprint = status.info.fingerprint;
  model.architecture = status.info.architecture;
  model.quantization = status.info.quantization;
  model.engine = status.engine;
  model.context_length = status.info.context_length;
  model.default_num_crops = status.info.default_num_crops;
  model.weights_bytes = status.info.weights_bytes;
  model.method = method_of(status.engine_name);
  model.optimized = status.name.ends_with("_optimized");
  model.state = to_string(status.state);
  model.active = status.active;
  model.why = status.why;
  model.fallback = status.fallback;
  model.loaded_bytes = status.bytes;
  model.in_use = status.in_use;
  model.requests = status.requests;
  model.idle_s = status.idle_s;
  return model;
}

std::shared_ptr<ModelSource> hosted_models(std::shared_ptr<ModelHost> host) {
  return std::make_shared<HostedModels>(std::move(host));
}

}  // namespace oc::http
