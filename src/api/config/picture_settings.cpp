#include "api/config/picture_settings.h"

#include <string>
#include <vector>

namespace oc {
namespace {

constexpr std::string_view kAllowed = "server.remote_images_allow";

using Strings = std::vector<std::string>;

}  // namespace

void check_picture_sources(Config& config) {
  RemotePolicy policy;
  for (const std::string& one : config.get_or<Strings>(kAllowed, {}))
    if (!policy.allow(one))
      config.add_error(kAllowed,
                       "must hold hosts, addresses or networks such as \"nas.example\", "
                       "\"192.168.1.5\" or \"10.1.0.0/16\", without ports");
}

PictureSourcesOptions picture_sources(const Config& config) {
  PictureSourcesOptions out;
  const auto& schemes = config.get<std::string>("server.remote_images");
  if (schemes == "https") out.remote = RemotePolicy(RemotePolicy::Schemes::kHttps);
  if (schemes == "http") out.remote = RemotePolicy(RemotePolicy::Schemes::kBoth);
  for (const std::string& one : config.get_or<Strings>(kAllowed, {})) out.remote.allow(one);
  out.max_remote = static_cast<std::size_t>(config.get<std::int64_t>("limits.max_remote_images"));
  out.max_remote_bytes = config.bytes("limits.max_remote_picture_mb");
  out.remote_time = config.milliseconds("limits.remote_image_seconds");
  out.media_root = config.get_or<std::string>("server.media_root", {});
  out.max_file_bytes = config.bytes("limits.max_picture_mb");
  return out;
}

}  // namespace oc
