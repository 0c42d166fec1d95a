// Downloads files of one commit into a folder: ranges in parallel, each going on where it broke
// off, every file checked by its digest before it gets its name.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "runtime/hub/http.h"
#include "runtime/hub/listing.h"
#include "runtime/hub/retry.h"

namespace oc::hub {

struct FetchProgress {
  std::uint64_t received =
      0;                      // bytes of these files that are there, those of earlier runs included
  std::uint64_t checked = 0;  // bytes hashed
  std::string file;           // one that is being worked on
  std::uint64_t file_received = 0, file_size = 0;  // its bytes
  bool checking = false;                           // all have come, some are being hashed
};

struct FetchFile {
  HubFile file;
  std::string url;
};

struct FetchOptions {
  int connections = 8;
  Patience patience;
  std::function<void(const FetchProgress&)> on_progress;  // about 10 times a second; may be empty
  std::function<void(const HubFile&)> on_file;            // it has come, checked; may be empty
};

// All of `files` into `folder`. Errors: kCancelled; kCorrupt (a digest that stays wrong, a server
// that lies about lengths); kNotFound, kUnauthenticated, kUnavailable (the server, the disk). What
// has come stays in `folder` as parts, for the next call to go on with.
Result<void> fetch(HttpClient& http, const std::filesystem::path& folder,
                   const std::vector<FetchFile>& files, const FetchOptions& options);

}  // namespace oc::hub
