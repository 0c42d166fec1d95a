// What the routes need of the thing that answers: in the program a Service with its model, in tests
// whatever they like.
#pragma once

#include <memory>

#include "api/served_model.h"
#include "runtime/service.h"

namespace oc::http {

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const ServedModel& model() const = 0;
  // As Service::submit.
  virtual Result<std::shared_ptr<Job>> submit(GenerateRequest request, Service::OnText text,
                                              Service::OnDone done) = 0;
  virtual ServiceStats stats() const = 0;
};

class ServiceBackend final : public Backend {
 public:
  // served_name: empty for the model's own; the model's own names stay valid beside it.
  ServiceBackend(std::shared_ptr<const LoadedModel> loaded, ServiceOptions options,
                 const std::string& served_name);

  const ServedModel& model() const override { return model_; }
  Result<std::shared_ptr<Job>> submit(GenerateRequest request, Service::OnText text,
                                      Service::OnDone done) override;
  ServiceStats stats() const override { return service_.stats(); }
  Service& service() { return service_; }

 private:
  ServedModel model_;
  Service service_;
};

}  // namespace oc::http
