#include "http/backend.h"

#include <chrono>
#include <filesystem>

namespace oc::http {
namespace {

ServedModel describe(const LoadedModel& loaded, const std::string& served_name) {
  const ModelInfo& info = loaded.model->info();
  ServedModel model;
  model.name = served_name.empty() ? loaded.name : served_name;
  model.aliases.push_back(loaded.name);
  // A model given by its folder is also known by the folder's name.
  if (const std::string folder = std::filesystem::path(info.path).filename().string();
      !folder.empty())
    model.aliases.push_back(folder);
  model.created = std::chrono::duration_cast<std::chrono::seconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count();
  model.fingerprint = info.fingerprint;
  model.architecture = info.architecture;
  model.quantization = info.quantization;
  model.engine = loaded.engine->description();
  model.context_length = info.context_length;
  model.default_num_crops = info.default_num_crops;
  model.weights_bytes = info.weights_bytes;
  return model;
}

}  // namespace

ServiceBackend::ServiceBackend(std::shared_ptr<const LoadedModel> loaded, ServiceOptions options,
                               const std::string& served_name)
    : model_(describe(*loaded, served_name)), service_(std::move(loaded), options) {}

Result<std::shared_ptr<Job>> ServiceBackend::submit(GenerateRequest request, Service::OnText text,
                                                    Service::OnDone done) {
  return service_.submit(std::move(request), std::move(text), std::move(done));
}

}  // namespace oc::http
