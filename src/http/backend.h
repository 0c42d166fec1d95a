// What answers a request: in the program a loaded model of the host, in tests whatever they like.
#pragma once

#include <memory>

#include "api/served_model.h"
#include "runtime/serving/service.h"

namespace oc::http {

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const ServedModel& model() const = 0;
  // As Service::submit.
  virtual Result<std::shared_ptr<Job>> submit(GenerateRequest request, Service::OnText text,
                                              Service::OnDone done) = 0;
  // As Service::plan.
  virtual Result<RequestPlan> plan(GenerateRequest request) = 0;
  virtual ServiceStats stats() const = 0;
  // The model's, valid as long as the backend; null where it is not told.
  virtual const Tokenizer* tokenizer() const { return nullptr; }
};

}  // namespace oc::http
