// The models of a ModelHost as the routes see them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/model_source.h"
#include "runtime/hosting/model_host.h"
#include "runtime/verify/certificate.h"

namespace oc::http {

// What the operator says about a model, beside the model itself.
struct ModelProfile {
  std::string id;          // the configuration's model_id; empty: its name
  bool optimized = false;  // it is the original's optimised configuration
  RequestDefaults defaults;
  UiSettings ui;
};
using ProfileOf = std::function<ModelProfile(const std::string& name)>;  // any thread

// Must be there until host->shutdown() has returned, and somebody else must hold the host until
// then: its own thread, which calls back, cannot be the one to end it. Certificates of other builds
// than `build` do not count.
std::shared_ptr<ModelSource> hosted_models(std::shared_ptr<ModelHost> host, ProfileOf profile,
                                           ProgramBuild build,
                                           std::vector<ModelAlias> aliases = {});

}  // namespace oc::http
