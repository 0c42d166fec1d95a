#include "runtime/hosting/warm_up.h"

#include <future>
#include <utility>

namespace oc {
namespace {

GenerateRequest short_request() {
  GenerateRequest request;
  request.id = "warm-up";
  request.max_tokens = 2;
  request.compute_anew = true;
  Message message;
  auto image = std::make_shared<Image>();
  image->width = image->height = 336;
  image->rgb.assign(std::size_t{336} * 336 * 3, 128);
  request.images.push_back({std::move(image), 1});
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
  OC_ASSIGN_OR_RETURN(const auto job,
                      service.submit(short_request(), {}, [&](Result<GenerateResult> result) {
                        promise.set_value(std::move(result));
                      }));
  const Result<GenerateResult> result = promise.get_future().get();
  if (!result.ok()) return result.error();
  return {};
}

}  // namespace oc
