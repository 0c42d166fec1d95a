// The pictures of a request: what they take, and their decoding, one after the other.
#pragma once

#include <string>
#include <string_view>

#include "api/chat_request.h"
#include "image/fit.h"
#include "image/image.h"

namespace oc {

// One more picture, of the data URI that stands at `param`. kInvalidArgument, kTooLarge: it is
// none, or one that is too large; how many there are is the caller's matter.
Result<void> add_image(ChatRequest& request, std::string_view uri, std::string param,
                       ImageOptions options, const ChatLimits& limits);

// The same for base64 without an address around it.
Result<void> add_base64_image(ChatRequest& request, std::string_view base64, std::string param,
                              ImageOptions options, const ChatLimits& limits);

// From their headers alone: what they take at most while they are decoded, one after the other, and
// then prepared for the model, the encoded bytes included; and what stays of them. Errors as
// probe_image, with the picture's param.
Result<ImageMemory> images_memory(const ChatRequest& request, const ImageSettings& settings = {});

// Bytes of the pictures that are not decoded yet.
std::size_t encoded_bytes(const ChatRequest& request);

// Decodes the next picture of request.images into request.generate.images, as `settings` say,
// drops the encoded bytes, and adds what is to be known of it to request.image_notes. False:
// there was none left. Errors as decode_image, with the picture's param where the picture is to
// blame.
Result<bool> decode_next_image(ChatRequest& request, const ImageSettings& settings = {},
                               const Interrupt& interrupt = {});

}  // namespace oc
