#include "runtime/hosting/warm_up.h"

#include <future>
#include <utility>

namespace oc {
namespace {

GenerateRequest short_request(const Model& model) {
  GenerateRequest request;
  request.id = "warm-up";
  request.max_tokens = 2;
  request.compute_anew = true;
  Message message;
  SampleImage sample = model.sample_image(1);
  auto image = std::make_shared<Image>();
  image->width = sample.width;
  image->height = sample.height;
  image->rgb.assign(
      3 * static_cast<std::size_t>(sample.width) * static_cast<std::size_t>(sample.height), 128);
  request.images.push_back({std::move(image), std::move(sample.options)});
  message.parts.emplace_back(std::in_place_type<ImagePart>, 0);
  message.parts.emplace_back(std::in_place_type<TextPart>, "Hello");
  request.messages.push_back(std::move(message));
  return request;
}

}  // namespace

Result<void> warm_up(Service& service) {
  constexpr std::size_t kQuick = 512u << 20;
  if (service.model().model->info().weights_bytes >= kQuick) return {};
  std::promise<Result<GenerateResult>> promise;
  OC_ASSIGN_OR_RETURN(const auto job, service.submit(short_request(*service.model().model), {},
                                                     [&](Result<GenerateResult> result) {
                                                       promise.set_value(std::move(result));
                                                     }));
  const Result<GenerateResult> result = promise.get_future().get();
  if (!result.ok()) return result.error();
  return {};
}

}  // namespace oc
