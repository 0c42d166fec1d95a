// A new file beside the one whose place it takes: whoever opens that name finds all of the old one
// or all of the new one, also after a crash.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "io/file_handle.h"

namespace oc {

// Its functions give errno, 0 where all is well. In the order in which they are called:
class FileReplacement {
 public:
  FileReplacement() = default;
  ~FileReplacement();  // a file that has not taken its place goes
  FileReplacement(const FileReplacement&) = delete;
  FileReplacement& operator=(const FileReplacement&) = delete;

  // A new file PATH.RANDOM.tmp that anybody may read, as far as the umask lets them.
  int open(const std::filesystem::path& path);
  // The same with mode and owner of the file that is there. A link stays one: what it leads to is
  // replaced.
  int open_like_the_old_one(const std::filesystem::path& path);
  int write(std::span<const std::byte> bytes);
  int write(std::string_view text);
  int finish();      // its bytes are on the disk
  int take_place();  // and its name

 private:
  int make(int mode);

  std::filesystem::path target_, temporary_;  // the latter is empty where there is no such file
  FileHandle file_;
};

// All of it. → errno
int replace_file_by(const std::filesystem::path& path, std::string_view text);

// Names that were made or changed in a folder are on the disk, where its file system can do that.
void sync_folder(const std::filesystem::path& folder);

}  // namespace oc
