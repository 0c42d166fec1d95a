#include "runtime/sources/picture_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace oc {
namespace {

// Longer ones are no path of any system, and a base64 text without its head may begin as one.
constexpr std::size_t kLongestPath = 4096;

bool is_remote(std::string_view address) {
  return starts_with_ignoring_case(address, "http:") ||
         starts_with_ignoring_case(address, "https:");
}

// "a:", as every address has it that is no path.
bool has_scheme(std::string_view address) {
  const std::size_t colon = address.find(':');
  return colon != address.npos && colon > 0 && is_letter(address.front()) &&
         std::ranges::all_of(address.substr(0, colon), [](char c) {
           return is_letter_or_digit(c) || c == '+' || c == '-' || c == '.';
         });
}

}  // namespace

PictureSources::PictureSources(PictureSourcesOptions options, std::optional<MediaRoot> folder)
    : options_(std::move(options)),
      remote_(options_.remote, options_.remote_time, options_.names),
      folder_(std::move(folder)) {}

Result<std::shared_ptr<const PictureSources>> PictureSources::open(PictureSourcesOptions options) {
  std::optional<MediaRoot> folder;
  if (!options.media_root.empty()) {
    OC_ASSIGN_OR_RETURN(folder, MediaRoot::open(options.media_root));
  }
  return std::shared_ptr<const PictureSources>(
      new PictureSources(std::move(options), std::move(folder)));
}

Result<std::optional<PictureSource>> PictureSources::read(std::string_view address,
                                                          std::size_t remote) const {
  if (options_.remote.fetches() && is_remote(address)) {
    if (remote >= options_.max_remote)
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("more than {} pictures of one request would be fetched", options_.max_remote),
          "send some of them as data:image/...;base64,..., or raise --max-remote-images"};
    OC_ASSIGN_OR_RETURN(RemoteUrl url, remote_.read(address));
    return std::optional<PictureSource>({std::move(url)});
  }
  const bool file = starts_with_ignoring_case(address, "file:");
  const bool path = !address.empty() && address.size() <= kLongestPath && !has_scheme(address);
  if (!folder_ || !(file || path)) return std::optional<PictureSource>();
  OC_ASSIGN_OR_RETURN(std::string below, folder_->read(address));
  return std::optional<PictureSource>({std::move(below)});
}

Result<std::vector<std::byte>> PictureSources::fetch(const PictureSource& source,
                                                     std::size_t& fetched,
                                                     std::string_view request_id,
                                                     const Interrupt& interrupt,
                                                     std::function<bool(std::size_t)> room) const {
  if (const auto* path = std::get_if<std::string>(&source.place))
    return folder_->fetch(*path, {request_id, interrupt, options_.max_file_bytes,
                                  "--max-picture-mb", std::move(room)});
  const std::size_t together = std::max(kMaxRemoteTogether, options_.max_remote_bytes);
  const std::size_t left = together - std::min(together, fetched);
  const bool one = options_.max_remote_bytes <= left;
  WantedPicture wanted{request_id, interrupt, one ? options_.max_remote_bytes : left,
                       "--max-remote-picture-mb", std::move(room)};
  auto bytes = remote_.fetch(std::get<RemoteUrl>(source.place), wanted);
  if (bytes.ok()) fetched += bytes->size();
  if (!bytes.ok() && bytes.error().code == ErrorCode::kTooLarge && !one)
    return Error{ErrorCode::kTooLarge,
                 fmt::format("with it the request's pictures that are fetched have more than {} "
                             "bytes together",
                             together),
                 "send some of them as data:image/...;base64,..."};
  return bytes;
}

}  // namespace oc
