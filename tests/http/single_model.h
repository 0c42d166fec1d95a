// One model that is there, for tests of what is above it.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/model_source.h"

namespace oc::http {

class SingleModel final : public ModelSource {
 public:
  explicit SingleModel(std::shared_ptr<Backend> backend) : backend_(std::move(backend)) {}

  std::optional<ServedModel> active() const override { return backend_->model(); }
  std::vector<ServedModel> models() const override { return {backend_->model()}; }
  std::vector<std::string> installed() const override { return {}; }
  ServiceStats stats() const override { return backend_->stats(); }
  RequestDefaults defaults(const std::string&) const override { return backend_->model().defaults; }
  void find(const std::string& name, Ready ready) override {
    if (backend_->model().answers_to(name)) return ready(backend_);
    ready(unknown());
  }
  void activate(const std::string& name, Switched done) override {
    if (!name.empty() && backend_->model().answers_to(name)) return done({});
    done(unknown());
  }

 private:
  Error unknown() const {
    return {ErrorCode::kNotFound, "there is no model of this name",
            fmt::format("this server has \"{}\"", backend_->model().name), "model"};
  }

  const std::shared_ptr<Backend> backend_;
};

inline std::shared_ptr<ModelSource> single_model(std::shared_ptr<Backend> backend) {
  return std::make_shared<SingleModel>(std::move(backend));
}

}  // namespace oc::http
