#include "http/hosted_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>

#include "http/cached_names.h"
#include "runtime/library/client_name.h"
#include "runtime/library/known_models.h"
#include "runtime/library/names.h"
#include "runtime/verify/certificate_store.h"

namespace oc::http {
namespace {

// What clients may know of a model of the host.
ServedModel hosted_model(const ModelStatus& status, ModelProfile profile) {
  ServedModel model = model_as_served(status.info, status.engine, std::move(profile.defaults));
  model.name = status.name;
  model.id = profile.id.empty() ? status.name : profile.id;
  model.aliases = status.aliases;
  model.created = status.created;
  model.optimized = profile.optimized;
  model.state = to_string(status.state);
  model.active = status.active;
  if (status.state == ModelState::kLoading || status.state == ModelState::kWarming)
    model.loading = {status.loading_s, std::string(status.loading.phase), status.loading.done,
                     status.loading.total};
  model.why = status.why;
  model.fallback = status.fallback;
  model.loaded_bytes = status.bytes;
  model.in_use = status.in_use;
  model.requests = status.requests;
  model.loads = status.loads;
  model.failed_loads = status.failed_loads;
  model.idle_s = status.idle_s;
  model.load_ms = status.load_ms;
  model.keep_alive_s = status.keep_alive_s;
  model.ui = std::move(profile.ui);
  return model;
}

class HostedBackend final : public Backend {
 public:
  HostedBackend(LeasePtr lease, ServedModel model)
      : lease_(std::move(lease)), model_(std::move(model)) {}

  const ServedModel& model() const override { return model_; }
  ServiceStats stats() const override { return lease_->service().stats(); }
  const Tokenizer* tokenizer() const override {
    return lease_->service().model().model->tokenizer().get();
  }
  // The answer keeps the lease, whoever else lets go of it.
  Result<std::shared_ptr<Job>> submit(GenerateRequest request, Service::OnText text,
                                      Service::OnDone done) override {
    return lease_->service().submit(
        std::move(request), std::move(text),
        [lease = lease_, done = std::move(done)](Result<GenerateResult> result) {
          done(std::move(result));
        });
  }
  Result<RequestPlan> plan(GenerateRequest request) override {
    return lease_->service().plan(std::move(request));
  }

 private:
  LeasePtr lease_;
  ServedModel model_;
};

class HostedModels final : public ModelSource {
 public:
  HostedModels(std::shared_ptr<ModelHost> host, ProfileOf profile, ProgramBuild build,
               std::vector<ModelAlias> aliases)
      : host_(std::move(host)),
        profile_(std::move(profile)),
        build_(std::move(build)),
        aliases_(std::move(aliases)) {}

  std::optional<ServedModel> active() const override {
    const auto status = host_->active();
    if (!status) return std::nullopt;
    return describe(*status);
  }
  std::vector<ServedModel> models() const override {
    std::vector<ServedModel> out;
    for (const ModelStatus& status : host_->status()) out.push_back(describe(status));
    return out;
  }
  void add_certificates(std::vector<ServedModel>& models) const override {
    for (const ModelStatus& status : host_->status())
      for (ServedModel& model : models)
        if (model.name == status.name && status.bytes > 0)  // loaded: these are the files
          model.certificate =
              find_certificate({status.info.path, status.engine, status.info.fingerprint, build_});
  }
  std::vector<std::string> installed() const override { return installed_.get(); }
  void look_again() override { installed_.forget(); }
  std::vector<ModelAlias> aliases() const override {
    std::vector<ModelAlias> out = aliases_;
    for (ModelAlias& alias : out) {
      alias.model = without_aliases(alias.model);
      if (const auto status = host_->named(alias.model)) alias.model = status->name;
    }
    return out;
  }
  std::string resolve(const std::string& name) const override {
    if (const ModelAlias* alias = alias_of(name, std::equal_to<>()))
      return host_->known_name(without_aliases(alias->model));
    if (name.empty() || host_->named(name)) return name;
    const ModelAlias* alias = is_there(name) ? nullptr : alias_of(name, is_same_name);
    return host_->known_name(without_aliases(alias != nullptr ? alias->model : name));
  }
  std::string listed_name(const std::string& name) const override {
    std::string meant = resolve(name);
    const auto status = host_->named(meant);
    return status ? status->name : meant;
  }
  std::string how_to_get(const std::string& wanted) const override {
    std::string out;
    const auto alias = std::ranges::find_if(aliases_, [&](const ModelAlias& one) {
      return is_same_name(one.model, wanted) && !is_there(without_aliases(one.model));
    });
    if (alias != aliases_.end()) {
      const bool is_path = alias->model.find_first_of("/.~") == 0;
      out = fmt::format("\"{}\" stands for {}, which is not here; ", alias->name,
                        is_path ? "a model" : fmt::format("\"{}\"", alias->model));
    }
    const KnownModel* known = find_known_model(wanted);
    if (known == nullptr) known = find_known_model(loose_name(wanted));
    if (known != nullptr) out += fmt::format("`ocellus pull {}` gets it; ", known->name);
    return out;
  }
  ServiceStats stats() const override { return host_->stats(); }
  RequestDefaults defaults(const std::string& name) const override {
    const auto status = host_->named(name);
    return profile_(status ? status->name : name).defaults;
  }

  bool loads(const std::string& name) const override {
    if (name.empty()) return false;
    const auto status = host_->named(name);
    return !status || !(status->active || status->state == ModelState::kReady);
  }
  std::string note(const std::string& name) const override { return host_->note(name); }
  void find(const std::string& name, Ready ready) override {
    host_->acquire(name, [this, name, ready = std::move(ready)](Result<LeasePtr> lease) {
      if (!lease.ok()) return ready(with_names(lease.error(), name));
      ServedModel model = describe((*lease)->status());
      ready(std::make_shared<HostedBackend>(*std::move(lease), std::move(model)));
    });
  }
  Result<void> unload(const std::string& name) override {
    const Result<void> gone = host_->unload(name);
    if (!gone.ok()) return with_names(gone.error(), name);
    return {};
  }
  void activate(const std::string& name, Switched done) override {
    host_->activate(name, [this, name, done = std::move(done)](Result<void> result) {
      if (result.ok()) return done({});
      Error error = with_names(result.error(), name);
      for (const ModelStatus& status : host_->status())
        if (status.name == name && !status.why.empty())
          error = {ErrorCode::kUnavailable, status.why, "", "active_model"};
      done(std::move(error));
    });
  }

 private:
  template <class Same>
  const ModelAlias* alias_of(const std::string& name, Same same) const {
    const auto found = std::ranges::find_if(
        aliases_, [&](const ModelAlias& alias) { return same(alias.name, name); });
    return found == aliases_.end() ? nullptr : &*found;
  }
  // Called exactly so.
  bool is_there(const std::string& name) const {
    return host_->named(name) || std::ranges::count(installed(), name) > 0;
  }
  std::string without_aliases(const std::string& name) const {
    if (is_there(name)) return name;
    std::vector<std::string> names;
    for (ModelStatus& status : host_->status()) {
      names.push_back(status.name);
      std::ranges::move(status.aliases, std::back_inserter(names));
    }
    if (const std::string* known = find_name(name, names)) return *known;
    if (std::string loose = loose_name(name); host_->named(loose)) return loose;
    const std::vector<std::string> on_disk = installed();
    const std::string* there = find_name(name, on_disk);
    return there != nullptr ? *there : name;
  }

  // What there is instead: those that are known, and those that would be loaded.
  Error with_names(Error error, const std::string& wanted) const {
    const bool no_model = error.code == ErrorCode::kInvalidArgument && error.param == "model";
    if (error.code != ErrorCode::kNotFound && !no_model) return error;
    std::vector<std::string> names, more;
    for (ModelStatus& status : host_->status()) {
      names.push_back(status.name);
      std::ranges::move(status.aliases, std::back_inserter(more));
    }
    for (std::string& name : installed())
      if (!host_->named(name)) names.push_back(std::move(name));
    for (const ModelAlias& alias : aliases_)
      if (is_there(without_aliases(alias.model))) names.push_back(alias.name);
    if (!error.hint.empty()) error.hint += "; ";
    error.hint += how_to_get(wanted);
    error.hint += names_instead(wanted, names, more);
    return error;
  }

  ServedModel describe(const ModelStatus& status) const {
    return hosted_model(status, profile_(status.name));
  }

  std::shared_ptr<ModelHost> host_;
  ProfileOf profile_;
  ProgramBuild build_;
  const std::vector<ModelAlias> aliases_;
  mutable CachedNames installed_{available_models};
};

}  // namespace

std::shared_ptr<ModelSource> hosted_models(std::shared_ptr<ModelHost> host, ProfileOf profile,
                                           ProgramBuild build, std::vector<ModelAlias> aliases) {
  return std::make_shared<HostedModels>(std::move(host), std::move(profile), std::move(build),
                                        std::move(aliases));
}

}  // namespace oc::http
