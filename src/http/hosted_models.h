// The models of a ModelHost as the routes see them.
#pragma once

#include <memory>

#include "http/model_source.h"
#include "runtime/model_host.h"

namespace oc::http {

// Must be there until host->shutdown() has returned, and somebody else must hold the host until
// then: its own thread, which calls back, cannot be the one to end it.
std::shared_ptr<ModelSource> hosted_models(std::shared_ptr<ModelHost> host);

// What clients may know of a model of the host.
ServedModel served_model(const ModelStatus& status);

}  // namespace oc::http
