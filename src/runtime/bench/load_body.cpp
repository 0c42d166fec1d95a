#include "runtime/bench/load_body.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <random>
#include <span>

#include "image/image.h"
#include "io/base64.h"
#include "io/json.h"
#include "io/json_text.h"
#include "runtime/bench/load.h"
#include "runtime/bench/load_client.h"

namespace oc {
namespace {

namespace json = boost::json;

}  // namespace

std::string chat_body(const ChatBody& chat) {
  json::array content;
  if (!chat.picture.empty()) {
    json::object picture{{"url", chat.picture}};
    if (!chat.detail.empty()) picture["detail"] = chat.detail;
    content.push_back({{"type", "image_url"}, {"image_url", std::move(picture)}});
  }
  content.push_back({{"type", "text"}, {"text", chat.question}});
  json::object body{{"model", chat.model},
                    {"messages", json::array{{{"role", "user"}, {"content", std::move(content)}}}},
                    {"temperature", chat.n > 1 ? 1 : 0},
                    {"stream", true},
                    {"stream_options", {{"include_usage", true}}}};
  if (chat.max_tokens > 0) body["max_tokens"] = chat.max_tokens;
  if (chat.n > 1) body["n"] = chat.n;
  if (chat.logprobs) body["logprobs"] = true;
  return json_text(body);
}

std::string made_picture(int side, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Image image;
  image.width = image.height = side;
  const auto size = static_cast<std::size_t>(side);
  image.rgb.assign(size * size * 3, 255);
  for (int i = 0; i < 12; ++i) {
    const std::size_t x0 = random() % size, y0 = random() % size;
    const std::size_t x1 = x0 + random() % (size - x0), y1 = y0 + random() % (size - y0);
    const std::uint64_t colour = random();
    for (std::size_t y = y0; y <= y1; ++y)
      for (std::size_t x = x0; x <= x1; ++x)
        for (std::size_t c = 0; c < 3; ++c)
          image.rgb[(y * size + x) * 3 + c] = static_cast<std::uint8_t>(colour >> 8 * c);
  }
  return picture_data_uri(encode_png(image), "png");
}

Result<std::string> picture_of(const std::string& path) {
  constexpr std::size_t kMaxBytes = std::size_t{1} << 30;  // no server takes more
  OC_ASSIGN_OR_RETURN(const std::string bytes, read_file(path, kMaxBytes));
  const auto view = std::as_bytes(std::span(bytes));
  OC_ASSIGN_OR_RETURN(const ImageInfo info, probe_image(view, ImageLimits{}));
  return picture_data_uri(view, to_string(info.format));
}

Result<std::string> served_model(const ServerLoadOptions& options, LoadClient& client) {
  if (!options.model.empty()) return options.model;
  auto body = client.get("/v1/models");
  if (!body.ok()) {
    Error error = body.error();
    if (error.hint.empty()) error.hint = options.name_hint;
    return error;
  }
  try {
    return json::value_to<std::string>(json::parse(*body).at("data").as_array().at(0).at("id"));
  } catch (const std::exception&) {
    return Error{ErrorCode::kUnavailable, fmt::format("{}/v1/models names no model", options.url),
                 options.name_hint};
  }
}

std::optional<std::size_t> server_resident_bytes(LoadClient& client) {
  const auto body = client.get("/stats");
  boost::system::error_code code;
  const json::value value = body.ok() ? json::parse(*body, code) : json::value();
  if (code || !value.is_object()) return std::nullopt;
  const json::value* bytes = value.get_object().if_contains("resident_bytes");
  if (bytes == nullptr || !bytes->is_number()) return std::nullopt;
  const auto number = bytes->to_number<std::size_t>(code);
  return code || number == 0 ? std::nullopt : std::optional(number);
}

}  // namespace oc
