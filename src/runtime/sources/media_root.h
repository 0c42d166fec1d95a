// Pictures of a folder on the server's machine, for clients who say which. Nothing but the regular
// files below it can be read, whatever a path says and whatever is renamed meanwhile.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/file_handle.h"
#include "runtime/sources/picture_bytes.h"

namespace oc {

// Const, any thread.
class MediaRoot {
 public:
  // Holds the folder open: it stays the one that it is now. kNotFound: there is none.
  static Result<MediaRoot> open(const std::filesystem::path& folder);

  // Of "file:///folder/a.png", "/folder/a.png" or "a.png", the path below the folder.
  // kInvalidArgument: it is none.
  Result<std::string> read(std::string_view address) const;
  // kInvalidArgument: there is no such file, or it may not be read; kTooLarge, kMemoryFull.
  Result<std::vector<std::byte>> fetch(const std::string& path, const WantedPicture& wanted) const;

 private:
  MediaRoot(FileHandle folder, std::vector<std::string> names)
      : folder_(std::move(folder)), names_(std::move(names)) {}

  FileHandle folder_;
  std::vector<std::string> names_;  // ways to write it: as it was given, and without links
};

}  // namespace oc
