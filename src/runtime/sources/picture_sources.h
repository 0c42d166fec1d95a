// Where a server gets pictures from that do not come with the request: the network and a folder,
// each only if its owner says so.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/sources/media_root.h"
#include "runtime/sources/remote_pictures.h"

namespace oc {

struct PictureSourcesOptions {
  RemotePolicy remote;
  std::size_t max_remote = 8;                     // pictures of the network in one request
  std::size_t max_remote_bytes = 10u << 20;       // of one of them
  std::chrono::milliseconds remote_time{10'000};  // for one of them
  std::string media_root;                         // empty: none
  std::size_t max_file_bytes = 45u << 20;         // of a file
  NameLookup names;
};

// A picture that lies elsewhere, and is not asked for yet.
struct PictureSource {
  std::variant<RemoteUrl, std::string> place;  // std::string: a path below the folder
  bool is_remote() const { return std::holds_alternative<RemoteUrl>(place); }
};

// Const, any thread.
class PictureSources {
 public:
  // Of one request's pictures of the network together, unless one alone may have more.
  static constexpr std::size_t kMaxRemoteTogether = 32u << 20;

  // kNotFound: the folder is not there.
  static Result<std::shared_ptr<const PictureSources>> open(PictureSourcesOptions options);

  // What an address in a request names; nullopt: nothing that this server gets from elsewhere,
  // where it may still be a data URI or is refused as without any sources. Asks nobody. `remote`:
  // pictures of the network that the request has named before. kInvalidArgument: refused.
  Result<std::optional<PictureSource>> read(std::string_view address, std::size_t remote) const;

  // Blocks until it is there; errors as RemotePictures::fetch() and MediaRoot::fetch(). `fetched`:
  // bytes of the request's pictures of the network so far, of which this one becomes a part.
  Result<std::vector<std::byte>> fetch(const PictureSource& source, std::size_t& fetched,
                                       std::string_view request_id, const Interrupt& interrupt,
                                       std::function<bool(std::size_t)> room) const;

 private:
  PictureSources(PictureSourcesOptions options, std::optional<MediaRoot> folder);

  const PictureSourcesOptions options_;
  const RemotePictures remote_;
  const std::optional<MediaRoot> folder_;
};

}  // namespace oc
