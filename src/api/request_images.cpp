#include "api/request_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/data_uri.h"

namespace oc {
namespace {

// The client is told which picture it is, where it can do something about it.
Error with_param(Error error, const EncodedImage& image) {
  const bool ours = error.code == ErrorCode::kCancelled || error.code == ErrorCode::kDeadline ||
                    error.code == ErrorCode::kUnavailable;
  if (ours) return error;
  error.message = fmt::format("\"{}\": {}", image.param, error.message);
  error.param = image.param;
  return error;
}

Result<void> add(ChatRequest& request, Result<std::vector<std::byte>> bytes, std::string param,
                 ImageOptions options) {
  if (!bytes) {
    Error error = bytes.error();
    error.message = fmt::format("\"{}\": {}", param, error.message);
    error.param = param;
    return error;
  }
  request.images.push_back({std::move(*bytes), std::move(options), std::move(param)});
  return {};
}

}  // namespace

Result<void> add_image(ChatRequest& request, std::string_view uri, std::string param,
                       ImageOptions options, const ChatLimits& limits) {
  if (limits.sources != nullptr) {
    const auto remote = std::ranges::count_if(request.images, [](const EncodedImage& image) {
      return image.source && image.source->is_remote();
    });
    auto source = limits.sources->read(uri, static_cast<std::size_t>(remote));
    if (!source) return add(request, source.error(), std::move(param), {});
    if (*source) {
      request.images.push_back({{}, std::move(options), std::move(param), **std::move(source)});
      return {};
    }
  }
  return add(request, decode_data_uri(uri, limits.max_image_bytes), std::move(param),
             std::move(options));
}

Result<void> add_base64_image(ChatRequest& request, std::string_view base64, std::string param,
                              ImageOptions options, const ChatLimits& limits) {
  if (base64.empty())
    return add(request, Error{ErrorCode::kInvalidArgument, "the picture is missing", ""},
               std::move(param), {});
  return add(request, decode_base64(base64, limits.max_image_bytes), std::move(param),
             std::move(options));
}

Error too_many_images(const ChatLimits& limits, std::string param, std::string_view of) {
  if (limits.max_images == 0)
    return {ErrorCode::kInvalidArgument, "this server takes no pictures",
            "ask without, or raise --max-images", std::move(param)};
  return {ErrorCode::kInvalidArgument,
          fmt::format("more than {} pictures in one {}", limits.max_images, of),
          "send fewer, or raise --max-images", std::move(param)};
}

const EncodedImage* next_to_fetch(const ChatRequest& request) {
  const auto next = std::ranges::find_if(
      request.images, [](const EncodedImage& image) { return image.source.has_value(); });
  return next == request.images.end() ? nullptr : &*next;
}

Result<void> fetch_next_image(ChatRequest& request, const PictureSources& sources,
                              std::string_view request_id, const Interrupt& interrupt,
                              Reservation& memory, std::size_t& fetched) {
  EncodedImage& image = *std::ranges::find_if(
      request.images, [](const EncodedImage& one) { return one.source.has_value(); });
  const std::size_t before = memory.bytes();
  auto bytes = sources.fetch(*image.source, fetched, request_id, interrupt,
                             [&](std::size_t more) { return memory.grow_to(before + more); });
  if (!bytes) return with_param(std::move(bytes).error(), image);
  memory.shrink_to(before + bytes->capacity());
  image.bytes = *std::move(bytes);
  image.source.reset();
  return {};
}

std::size_t encoded_bytes(const ChatRequest& request) {
  std::size_t bytes = 0;
  for (const EncodedImage& image : request.images) bytes += image.bytes.size();
  return bytes;
}

Result<ImageMemory> images_memory(const ChatRequest& request, const ImageSettings& settings) {
  ImageMemory all;
  std::size_t largest = 0;
  for (const EncodedImage& image : request.images) {
    auto info = probe_image(image.bytes, settings.limits);
    if (!info) return with_param(info.error(), image);
    const ImageMemory one = image_memory(*info, settings.box);
    all.peak = std::max(all.peak, all.kept + one.peak);
    all.kept += one.kept;
    largest = std::max(largest, one.kept);
  }
  // The model's preprocessing resamples one at a time: half resampled, it is no larger.
  all.peak = std::max(all.peak, all.kept + largest) + encoded_bytes(request);
  return all;
}

Result<bool> decode_next_image(ChatRequest& request, const ImageSettings& settings,
                               const Interrupt& interrupt) {
  const std::size_t next = request.generate.images.size();
  if (next == request.images.size()) return false;
  EncodedImage& image = request.images[next];
  auto decoded = decode_image(image.bytes, settings.limits, interrupt, settings.reading);
  if (!decoded) return with_param(std::move(decoded).error(), image);
  image.bytes = {};
  if (!decoded->note.empty())
    request.image_notes.push_back(fmt::format("{}: {}", image.param, decoded->note));
  auto picture = std::make_shared<const Image>(fit(*std::move(decoded), settings.box, interrupt));
  OC_RETURN_IF_ERROR(interrupt.check("resizing of a picture"));
  request.generate.images.push_back({std::move(picture), std::move(image.options)});
  return true;
}

}  // namespace oc
