// The pictures of a request: what they take, and their decoding, one after the other.
#pragma once

#include <string>
#include <string_view>

#include "api/chat_request.h"
#include "base/memory_budget.h"
#include "image/fit.h"
#include "image/image.h"

namespace oc {

// One more picture, of the data URI that stands at `param`, or of the address of one that
// limits.sources get, which is left for fetch_next_image(). kInvalidArgument, kTooLarge: it is
// none, or one that is too large; how many there are is the caller's matter.
Result<void> add_image(ChatRequest& request, std::string_view uri, std::string param,
                       ImageOptions options, const ChatLimits& limits);

// The same for base64 without an address around it.
Result<void> add_base64_image(ChatRequest& request, std::string_view base64, std::string param,
                              ImageOptions options, const ChatLimits& limits);

// What is told at one more picture than limits.max_images; of them: "request".
Error too_many_images(const ChatLimits& limits, std::string param, std::string_view of = "request");

// The first picture that is still to be got from elsewhere; null: they are all here.
const EncodedImage* next_to_fetch(const ChatRequest& request);

// Gets that one; blocks. `memory` grows by its bytes, and `fetched` by those from the network.
// Errors as PictureSources::fetch(), with the picture's param.
Result<void> fetch_next_image(ChatRequest& request, const PictureSources& sources,
                              std::string_view request_id, const Interrupt& interrupt,
                              Reservation& memory, std::size_t& fetched);

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
